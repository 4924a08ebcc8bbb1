/* What is kept of a run, handed out a page at a time to somebody who may not read the database itself. A page is some rows of
 * one table, in the order of its key; whoever has all pages of all tables has all that can be known of the run (its state
 * apart, which is the daemon's own), and nothing of any other.
 *
 * Between two pages nothing is held: each says behind which row the next one begins. Rows that are committed do not change,
 * but for the run's own, which should come first. */
#pragma once

#include <sqlite3.h>

#include "buf.h"
#include "viewer.h"

/* Rows until their text has so many bytes, and at least one: some milliseconds of the thread that answers questions. So are
 * the rows that are looked at for a part of a table. */
#define EXTRACT_PAGE_BYTES (256u << 10)
#define EXTRACT_PAGE_ROWS  (32u << 10)
#define EXTRACT_KEYS_MAX   4u
/* "12,0,7,3": the key of the last row of the page before. */
#define EXTRACT_AFTER_MAX (21u * EXTRACT_KEYS_MAX)

struct extract_query {
	const char *run_part; /* a whole id is taken for that */
	struct viewer viewer;
	/* Of those that a run has rows in, or "gradient_norms": the rows of history_data whose key is a gradient's norm. */
	const char *table;
	const char *after;            /* NULL or "": from the first */
	size_t page_bytes, page_rows; /* 0: as above */
};

enum extract_result {
	EXTRACT_OK = 0,
	EXTRACT_NO_SUCH_RUN = 4, /* as REPORT_NO_SUCH_RUN */
};

/* As a text {"schema", "id", "n", "table": whose rows they are, "columns": [names], "rows": [[values]], "keys": {number: name},
 * "next"}: `keys` are those of W&B's that "key" columns mean, `next` is the `after` of the page that follows, null where none
 * does. A value is null, a number, a text, {"real": "Infinity"} or {"blob": hex}. Negative as in db.h, -EINVAL: there is no
 * such table, or no such place in it; *ret, which was empty, is so then. */
int extract_page(
	sqlite3 *sql, const struct extract_query *query, struct buf *ret, char ret_words[256]);

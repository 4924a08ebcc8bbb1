/* The lines of a run as W&B gets them, out of what is committed: in the order they were closed, `_step` strictly
 * increasing, without what is logged under W&B's own keys. Where a run went back, an attempt contributes only what lies
 * behind every line before it.
 *
 * Holds one line at a time, and between two calls no state of the database: lines that are committed never change, so
 * a long reading pins nobody's write-ahead log.
 */
#pragma once

#include <sqlite3.h>

#include "changes.h"

struct line_query {
	int64_t run;    /* runs_data.n */
	bool with_ours; /* our own metrics, too; a line of nothing else is none without them */
	int64_t after_line, after_step; /* where to go on; -1: from the beginning */
	int64_t through_line; /* the last that is wanted: newer ones may come while it is read */
};

/* The last line there is to be read now; -1: none. 0, or an error as in db.h. */
int line_reader_newest(sqlite3 *sql, int64_t run, int64_t *ret_line);

struct line_reader;

/* 0, -ENOMEM, or an error as in db.h. The connection is borrowed while it lasts. */
int line_reader_open(sqlite3 *sql, const struct line_query *query, struct line_reader **ret);
void line_reader_close(struct line_reader *r);

enum line_result { LINE_END = 0, LINE_READ = 1 };

/* The next line, borrowed until the next call. Negative as in db.h; then there is no next one. */
int line_reader_next(struct line_reader *r, const struct change_line **ret);

/* Whether the newest value under this key, of the lines read so far, was one of ours that stayed out. */
bool line_reader_left_out(const struct line_reader *r, const char *key);

/* A value of a row on its way into a file: as CSV that a spreadsheet opens without executing anything, or as strict JSON.
 * Doubles are written in the shortest form that reads back the same, whatever the locale. */
#pragma once

#include <jansson.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum cell_kind {
	CELL_NULL = 0,
	CELL_INTEGER,
	CELL_REAL,
	CELL_TEXT,
	CELL_BLOB,
	CELL_TIME, /* a real: seconds since 1970 */
	CELL_JSON  /* a text that is JSON; one that is none after all is a text */
};

struct cell {
	enum cell_kind kind;
	int64_t integer;
	double real;
	const char *bytes; /* borrowed */
	size_t len;
};

/* Borrows from the statement until its next step. */
struct cell cell_of_column(sqlite3_stmt *st, int at);
/* Of a value as a daemon hands it out: {"real": "Infinity"} and {"blob": hex} are what they stand for. Borrows. */
struct cell cell_of_json(const json_t *value);

/* All append, and return 0 or -ENOMEM.
 *
 * A field as RFC 4180 has it: nothing of NULL, a time as RFC 3339 in UTC, a blob in hexadecimal. A text that a spreadsheet would
 * take for a formula (it begins with = + - @, wide ones included, a tab or a carriage return, also behind quotes, blanks, control characters or a ' ) gets a ' in front;
 * so does the same behind a ; a tab or a line's end within it, where some spreadsheets begin another cell. */
int cell_put_csv(struct buf *out, const struct cell *c);
/* NULL is null; what is not finite is "NaN", "Infinity" or "-Infinity"; JSON stands as it is; a blob is a text in hexadecimal. */
int cell_put_json(struct buf *out, const struct cell *c);

/* Text that is UTF-8 to its end: what is not becomes U+FFFD. As a JSON string, with its quotes. */
int cell_put_json_text(struct buf *out, const char *text, size_t len);

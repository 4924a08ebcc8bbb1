/* One row on its way into the database: a prepared statement whose parameters are bound in the order
 * of the columns. The first error stays and is what row_end() returns; so a row is written as a plain
 * list. For the files that write rows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "writer.h"

struct row {
	sqlite3_stmt *st;
	int at, rc;
};

struct row row_begin(struct writer *r, enum statement statement);
/* Steps and resets it: SQLITE_OK, or what went wrong. */
int row_end(struct row *row);
/* The first column of the first row instead: SQLITE_ROW, SQLITE_DONE without one, or an error. */
int row_read_int(struct row *row, int64_t *ret);

void row_int(struct row *row, int64_t value);
/* SQLite's integers are signed: what a peer claims above that is as large as can be said. */
void row_uint(struct row *row, uint64_t value);
void row_uint_if(struct row *row, bool given, uint64_t value); /* else NULL */
void row_null(struct row *row);
void row_real(struct row *row, double value); /* not finite: NULL */
void row_time(struct row *row, double value); /* 0, not yet: NULL */
/* Texts and blobs are borrowed until row_end(). */
void row_text(struct row *row, const char *text); /* NULL: NULL */
void row_span(struct row *row, const char *text, size_t len);
void row_blob(struct row *row, const void *data, size_t len);
void row_json(struct row *row, const struct buf *json); /* empty: NULL */

/* Keeps an error of something done on the way. */
void row_keep(struct row *row, int rc);
/* The SQLite code of a buffer's error. */
int row_memory(int err);

int writer_put_step(struct writer *r, int64_t run, const struct change_step *step);
int writer_put_line(struct writer *r, int64_t run, const struct change_line *line);
int writer_put_window(struct writer *r, int64_t run, const struct change_window *window);

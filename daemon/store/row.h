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

/* Of a part of a closed window: lists in the writer's scratch, to be written once its counts have taken the place of those of the
 * window before. */
struct deaths {
	int64_t since; /* the step behind which it was */
	size_t died_len, revived_len;
	bool knows_revived;
	uint32_t n; /* of both */
};

/* A feature has died when it is dead by the window's end and was not by the end of the one before, whose counts are still there; or,
 * where there is none that the run has not gone back behind, by `since`. It is revived when it was dead by then and has fired since:
 * without a window before, that is not known. Most often these are the features that the window's row counts as newly dead
 * and revived. What died and fired again in between is counted there, and not told of here; and where windows closed in between
 * whose counts were not kept, these are those of all of them. No more than n_max are told of. */
int writer_find_deaths(struct writer *r, int64_t run, const struct closed_window *c, int64_t since,
	uint32_t part, uint32_t n_max, struct deaths *ret);
int writer_put_deaths(struct writer *r, int64_t run, const struct closed_window *c, uint32_t part,
	const struct deaths *d);

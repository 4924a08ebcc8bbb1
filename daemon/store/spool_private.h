/* Inside of the spool: for spool*.c alone. */
#pragma once

#include "spool.h"

/* A statement whose first parameter is the run. Visits are few, so each prepares its own. */
int spool_prepare(sqlite3 *sql, const char *text, int64_t run, sqlite3_stmt **ret);
/* Steps one that returns no rows, unless err says that it is not to be, and ends it. */
int spool_run(sqlite3 *sql, sqlite3_stmt *st, int err);
void spool_bind_text(sqlite3_stmt *st, int at, const char *text);
/* A column as a text of its own, NULL where it is NULL; memory that is short sets *err. */
char *spool_take_text(sqlite3_stmt *st, int at, int *err);
int spool_read_line(struct db *db, int64_t run, int64_t line, struct forward_line *ret,
	double *ret_elapsed_s, bool *ret_found);

int spool_save(struct db *db, int64_t run, struct forward_visit *v);
/* Skips the lines at hand whose steps the server had before the base was fixed. The cursor is as it is kept. */
int spool_pass_over(struct db *db, int64_t run, struct forward_visit *v);
int spool_bring_cursor(struct db *db, int64_t run, struct forward_cursor *c);
/* The rest, by the cursor. */
int spool_bring(struct db *db, int64_t run, struct forward_visit *v);

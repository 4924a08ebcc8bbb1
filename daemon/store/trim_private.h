/* Inside of trim: for trim*.c alone. */
#pragma once

#include "trim.h"

/* A run as trim looks at it. */
struct trim_run {
	int64_t n, attempt, step;
	char id[RUN_ID_MAX + 1];
	int64_t n_newest; /* rows of its newest steps that status reads */
	struct retention_run facts;
};

/* A statement whose parameters are bound to the integers that follow; turns are few, so each prepares its own. */
int trim_prepare(sqlite3 *sql, sqlite3_stmt **ret, const char *text, int n_values, ...);
/* Runs one that returns no rows; adds how many it changed to *ret_changed, which may be NULL. */
int trim_run_sql(sqlite3 *sql, int64_t *ret_changed, const char *text, int n_values, ...);
/* The first column of the first row; `none` without one. */
int trim_read_int(sqlite3 *sql, int64_t none, int64_t *ret, const char *text, int n_values, ...);
/* The end of the transaction at hand: committed, or rolled back where `err` says that something in it is broken. Passes that on. */
int trim_end(struct db *db, int err);

/* The first run from that number on: 0, -ENOENT, or broken. */
int trim_look(sqlite3 *sql, int64_t n, struct trim_run *ret);
/* The facts that retention_takes asks for, of this alone. */
int trim_look_at(sqlite3 *sql, struct trim_run *run, enum retention_what what);

/* A row's time, in that column; the run's own where no clock was set. */
double trim_row_time(const struct trim_run *run, sqlite3_stmt *st, int at);

/* Lines of their own numbers, and late ones, of which the newest has the lowest number. */
#define TRIM_LINES_ON_TIME "FROM lines_data WHERE run = ?1 AND line >= 0 ORDER BY line "
#define TRIM_LINES_LATE    "FROM lines_data WHERE run = ?1 AND line < 0 ORDER BY line DESC "

/* All but the newest, which stay. */
#define TRIM_WINDOWS_THAT_MAY_GO                                                                   \
	"FROM windows_data WHERE run = ?1 AND (attempt, window) < (SELECT attempt, window "        \
	"FROM windows_data WHERE run = ?1 ORDER BY attempt DESC, window DESC LIMIT 1 "             \
	"OFFSET ?2) ORDER BY attempt, window "

/* What goes, and in whose name. */
struct trim_order {
	const struct retention *policy;
	enum retention_what what;
	double before, now;
	const char *why;
};

/* Deletes some rows, within the transaction at hand: all older than `before` from the oldest on, as many as fit into a portion.
 * *ret_more: there may be others. */
int trim_rows(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	int64_t *ret_removed, bool *ret_more);

/* The run's row, and all that names it: in a transaction of its own, with that event of the database's unless it is NULL.
 * -ENOENT: it is not there, or goes on. */
int trim_remove(struct db *db, const struct slots *slots, struct known *known,
	const struct trim_asked *asked, double now, const char *event);
/* Some of what removed runs have left, until the deadline; *ret_any: there was something to do. */
int trim_collect(struct db *db, const struct slots *slots, uint64_t deadline_ns, bool *ret_any);

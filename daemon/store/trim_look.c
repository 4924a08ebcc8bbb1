/* What there is of a run, as retention asks for it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report_row.h"
#include "trim_private.h"

/* Before this (2001) no clock was set: such a time says nothing, and the run's own stands for it. */
#define CLOCK_SET 1e9

static int64_t column_or(sqlite3_stmt *st, int at, int64_t none) {
	return sqlite3_column_type(st, at) == SQLITE_NULL ? none : sqlite3_column_int64(st, at);
}

static void take_run(sqlite3_stmt *st, struct trim_run *run) {
	const char *state = (const char *)sqlite3_column_text(st, 2);
	int64_t logged_every = sqlite3_column_int64(st, 6);
	*run = (struct trim_run){
		.n = sqlite3_column_int64(st, 0),
		.step = column_or(st, 4, -1),
		.attempt = sqlite3_column_int64(st, 5),
		.n_newest = report_rows_searched(logged_every),
		.facts =
			{
				.ended = state != NULL && strcmp(state, "running") != 0 &&
					 strcmp(state, "stalled") != 0,
				.quiet_since = sqlite3_column_double(st, 3),
				.waits_for_wandb = sqlite3_column_int(st, 7),
				.accepted_step = column_or(st, 8, -1),
				.step_time = NAN,
				.line_time = NAN,
				.window_time = NAN,
			},
	};
	snprintf(run->id, sizeof run->id, "%s", (const char *)sqlite3_column_text(st, 1));
}

int trim_look(sqlite3 *sql, int64_t n, struct trim_run *ret) {
	sqlite3_stmt *st;
	int err = trim_prepare(sql, &st,
		"SELECT r.n, r.id, r.state, max(coalesce(r.ended, 0), coalesce(r.last_seen, 0)), "
		"r.step, r.attempt, r.wandb_log_frequency, f.run IS NOT NULL AND (f.lines > "
		"f.accepted OR (f.completed = 0 AND r.state <> 'crashed')), f.accepted_step "
		"FROM runs_data r LEFT JOIN forwards_data f ON f.run = r.n WHERE r.n >= ?1 "
		"ORDER BY r.n LIMIT 1",
		1, n);
	if (err == 0) {
		int rc = sqlite3_step(st);
		err = rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -ENOENT : db_error(sql, rc);
	}
	if (err == 0) {
		take_run(st, ret);
	}
	(void)sqlite3_finalize(st);
	return err;
}

double trim_row_time(const struct trim_run *run, sqlite3_stmt *st, int at) {
	double time = sqlite3_column_double(st, at);
	return time > CLOCK_SET ? time : run->facts.quiet_since;
}

/* The time in the first column of the first row, and what is in the second. */
static int look_at_row(sqlite3 *sql, const struct trim_run *run, sqlite3_stmt *st, int err,
	double *ret_time, int64_t *ret_step) {
	int rc = err == 0 ? sqlite3_step(st) : SQLITE_DONE;
	if (rc == SQLITE_ROW) {
		*ret_time = trim_row_time(run, st, 0);
		*ret_step = sqlite3_column_int64(st, 1);
	}
	(void)sqlite3_finalize(st);
	return err < 0 ? err : db_error(sql, rc);
}

/* Where the trimming of its steps stands: behind those that were gone through, unless a later attempt began before that. */
static int look_at_steps(sqlite3 *sql, struct trim_run *run) {
	struct retention_run *facts = &run->facts;
	sqlite3_stmt *st;
	int64_t ignored = 0;
	int err = trim_read_int(sql, 0, &facts->steps_from,
		"SELECT min(d.through, coalesce((SELECT min(a.step_first) FROM attempts_data a "
		"WHERE a.run = d.run AND a.attempt > d.attempt), d.through)) FROM removed_data d "
		"WHERE d.run = ?1 AND d.what = 0",
		1, run->n);
	facts->steps_limit = run->step + 1 - run->n_newest;
	if (err < 0) {
		return err;
	}
	err = trim_prepare(sql, &st,
		"SELECT time, step FROM steps_data WHERE run = ?1 AND step >= ?2 "
		"ORDER BY step, attempt LIMIT 1",
		2, run->n, facts->steps_from);
	return look_at_row(sql, run, st, err, &facts->step_time, &ignored);
}

static int look_at_lines(sqlite3 *sql, struct trim_run *run) {
	struct retention_run *facts = &run->facts;
	double late_time = NAN;
	int64_t late_step = 0;
	sqlite3_stmt *st;
	int err = trim_prepare(
		sql, &st, "SELECT time, step " TRIM_LINES_ON_TIME "LIMIT 1", 1, run->n);
	err = look_at_row(sql, run, st, err, &facts->line_time, &facts->line_step);
	if (err < 0) {
		return err;
	}
	err = trim_prepare(sql, &st, "SELECT time, step " TRIM_LINES_LATE "LIMIT 1", 1, run->n);
	err = look_at_row(sql, run, st, err, &late_time, &late_step);
	if (isnan(facts->line_time) || late_time < facts->line_time) {
		facts->line_time = late_time;
		facts->line_step = late_step;
	}
	return err;
}

static int look_at_windows(sqlite3 *sql, struct trim_run *run) {
	sqlite3_stmt *st;
	int64_t ignored = 0;
	int err = trim_prepare(sql, &st, "SELECT time, window " TRIM_WINDOWS_THAT_MAY_GO "LIMIT 1",
		2, run->n, (int64_t)RETENTION_WINDOWS_KEPT - 1);
	return look_at_row(sql, run, st, err, &run->facts.window_time, &ignored);
}

int trim_look_at(sqlite3 *sql, struct trim_run *run, enum retention_what what) {
	switch (what) {
	case RETENTION_STEPS:
		return look_at_steps(sql, run);
	case RETENTION_LINES:
		return look_at_lines(sql, run);
	case RETENTION_WINDOWS:
		return look_at_windows(sql, run);
	case RETENTION_RUN:
	case RETENTION_N_WHAT:
		break;
	}
	return 0;
}

/* Rows of a run that go while the run stays. */
#include <math.h>

#include "rows_size.h"
#include "trim_private.h"

/* Rows of a portion. A line has as many rows as it has keys, a window has kilobytes. */
#define STEPS_PORTION   256
#define LINES_PORTION   16
#define WINDOWS_PORTION 16

/* ---- what was removed ---- */

struct portion {
	int64_t through, n_rows;
	int64_t n_values, n_histograms; /* of lines */
	int64_t step_last;              /* -1: none */
	double time_last;
};

/* What its user has on disk has become less, about. */
static int note_smaller(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	const struct portion *p) {
	static const int64_t row_bytes[] = {[RETENTION_STEPS] = ROWS_STEP_BYTES,
		[RETENTION_LINES] = ROWS_LINE_BYTES,
		[RETENTION_WINDOWS] = ROWS_WINDOW_BYTES};
	int64_t bytes = p->n_rows * row_bytes[order->what] + p->n_values * ROWS_ENTRY_BYTES +
			p->n_histograms * ROWS_HISTOGRAM_BYTES;
	return trim_run_sql(sql, NULL,
		"UPDATE runs_data SET rows_bytes = max(0, rows_bytes - ?2) WHERE n = ?1", 2, run->n,
		bytes);
}

static int note(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	const struct portion *p) {
	sqlite3_stmt *st;
	int err = trim_prepare(sql, &st,
		"INSERT INTO removed_data VALUES (?1, ?2, ?3, ?4, ?6, ?7, ?5, ?8, ?9) "
		"ON CONFLICT (run, what) DO UPDATE SET through = excluded.through, "
		"attempt = excluded.attempt, n_rows = n_rows + excluded.n_rows, "
		"step_last = max(coalesce(step_last, -1), coalesce(excluded.step_last, -1)), "
		"time_last = max(coalesce(time_last, 0), coalesce(excluded.time_last, 0)), "
		"removed = iif(excluded.n_rows > 0, excluded.removed, removed), "
		"why = iif(excluded.n_rows > 0, excluded.why, why)",
		5, run->n, (int64_t)order->what, p->through, run->attempt, p->n_rows);
	if (err == 0) {
		if (p->n_rows > 0) {
			(void)sqlite3_bind_int64(st, 6, p->step_last);
			(void)sqlite3_bind_double(st, 7, p->time_last);
		}
		(void)sqlite3_bind_double(st, 8, order->now);
		(void)sqlite3_bind_text(st, 9, order->why, -1, SQLITE_STATIC);
		err = db_error(sql, sqlite3_step(st));
	}
	(void)sqlite3_finalize(st);
	return err == 0 && p->n_rows > 0 ? note_smaller(sql, run, order, p) : err;
}

/* ---- steps ---- */

/* The portion's end is the first step that is not old, or of which not all attempts' rows were seen: what went back stays
 * until what it went back to is old. */
static int find_portion(sqlite3 *sql, const struct trim_run *run, int64_t from, double before,
	struct portion *ret, bool *ret_more) {
	sqlite3_stmt *st;
	struct portion p = {.through = from, .step_last = -1};
	int64_t n_rows = 0, newest = from - 1;
	bool old = true;
	int rc = SQLITE_DONE;
	int err = trim_prepare(sql, &st,
		"SELECT time, step FROM steps_data WHERE run = ?1 AND step >= ?2 AND step < ?3 "
		"ORDER BY step, attempt LIMIT ?4",
		4, run->n, from, run->facts.steps_limit, (int64_t)STEPS_PORTION);
	while (err == 0 && old && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		double time = trim_row_time(run, st, 0);
		int64_t step = sqlite3_column_int64(st, 1);
		old = time < before;
		if (step != newest) {
			p.through = step;
			newest = step;
		}
		if (old) {
			p.time_last = fmax(p.time_last, time);
			n_rows++;
		}
	}
	err = err < 0 || !old ? err : db_error(sql, rc);
	(void)sqlite3_finalize(st);
	*ret_more = old && n_rows == STEPS_PORTION;
	if (old && !*ret_more) {
		p.through = run->facts.steps_limit;
	} else if (*ret_more && p.through == from) {
		p.through = from + 1; /* more attempts than a portion has rows: all of this step */
	}
	*ret = p;
	return err;
}

static int trim_steps(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	int64_t *ret_removed, bool *ret_more) {
	struct portion p;
	struct trim_run now = *run;
	int err = trim_look_at(sql, &now, RETENTION_STEPS);
	int64_t from = now.facts.steps_from;
	err = err < 0 ? err : find_portion(sql, &now, from, order->before, &p, ret_more);
	if (err < 0 || p.through == from) {
		*ret_more = false;
		return err;
	}
	err = trim_run_sql(sql, &p.n_rows,
		"DELETE FROM steps_data WHERE run = ?1 AND step >= ?2 AND step < ?3 "
		"AND step % ?4 <> 0",
		4, run->n, from, p.through, retention_curve_stride(run->step + 1));
	p.step_last = p.through - 1;
	*ret_removed += p.n_rows;
	return err < 0 ? err : note(sql, run, order, &p);
}

/* ---- lines ---- */

struct found_line {
	int64_t line, attempt, step;
};

/* Its values first: a line's number is only free once none are left under it. */
static int delete_line(sqlite3 *sql, int64_t run, const struct found_line *l, struct portion *p) {
	int err = trim_run_sql(sql, &p->n_values,
		"DELETE FROM history_data WHERE run = ?1 AND step = ?3 AND attempt = ?4 AND "
		"line = ?2",
		4, run, l->line, l->step, l->attempt);
	err = err < 0 ? err
		      : trim_run_sql(sql, &p->n_histograms,
				"DELETE FROM histograms_data WHERE run = ?1 AND step = ?3 AND "
				"attempt = ?4 AND line = ?2",
				4, run, l->line, l->step, l->attempt);
	return err < 0 ? err
		       : trim_run_sql(sql, NULL,
				 "DELETE FROM lines_data WHERE run = ?1 AND line = ?2", 2, run,
				 l->line);
}

static int find_lines(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	bool late, struct found_line found[LINES_PORTION], struct portion *p) {
	sqlite3_stmt *st;
	int64_t limit = retention_lines_limit(order->policy, &run->facts);
	int rc = SQLITE_DONE;
	bool old = true;
	int err = trim_prepare(sql, &st,
		late ? "SELECT time, line, attempt, step " TRIM_LINES_LATE "LIMIT ?2"
		     : "SELECT time, line, attempt, step " TRIM_LINES_ON_TIME "LIMIT ?2",
		2, run->n, (int64_t)LINES_PORTION);
	while (err == 0 && old && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct found_line line = {sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
			sqlite3_column_int64(st, 3)};
		double time = trim_row_time(run, st, 0);
		old = time < order->before && line.step < limit;
		if (old) {
			found[p->n_rows++] = line;
			p->step_last = line.step > p->step_last ? line.step : p->step_last;
			p->time_last = fmax(p->time_last, time);
		}
	}
	err = err < 0 || !old ? err : db_error(sql, rc);
	(void)sqlite3_finalize(st);
	return err;
}

static int trim_lines(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	int64_t *ret_removed, bool *ret_more) {
	struct found_line found[LINES_PORTION];
	struct portion p = {.step_last = -1};
	int err = find_lines(sql, run, order, false, found, &p);
	if (err == 0 && p.n_rows == 0) {
		err = find_lines(sql, run, order, true, found, &p);
	}
	for (int64_t i = 0; err == 0 && i < p.n_rows; i++) {
		err = delete_line(sql, run->n, &found[i], &p);
	}
	*ret_removed += p.n_rows;
	*ret_more = p.n_rows > 0; /* behind the last of one kind come those of the other */
	return err < 0 || p.n_rows == 0 ? err : note(sql, run, order, &p);
}

/* ---- windows ---- */

static int find_windows(sqlite3 *sql, const struct trim_run *run, double before,
	int64_t found[WINDOWS_PORTION][2], struct portion *p) {
	sqlite3_stmt *st;
	int rc = SQLITE_DONE;
	bool old = true;
	int err = trim_prepare(sql, &st,
		"SELECT time, attempt, window, step_last " TRIM_WINDOWS_THAT_MAY_GO "LIMIT ?3", 3,
		run->n, (int64_t)RETENTION_WINDOWS_KEPT - 1, (int64_t)WINDOWS_PORTION);
	while (err == 0 && old && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		double time = trim_row_time(run, st, 0);
		int64_t step = sqlite3_column_int64(st, 3);
		old = time < before;
		if (old) {
			found[p->n_rows][0] = sqlite3_column_int64(st, 1);
			found[p->n_rows++][1] = sqlite3_column_int64(st, 2);
			p->step_last = step > p->step_last ? step : p->step_last;
			p->time_last = fmax(p->time_last, time);
		}
	}
	err = err < 0 || !old ? err : db_error(sql, rc);
	(void)sqlite3_finalize(st);
	return err;
}

static int delete_window(sqlite3 *sql, int64_t run, const int64_t found[2]) {
	static const char *const deletions[] = {
		"DELETE FROM window_means_data WHERE run = ?1 AND attempt = ?2 AND window = ?3",
		"DELETE FROM deaths_data WHERE run = ?1 AND attempt = ?2 AND window = ?3",
		"DELETE FROM windows_data WHERE run = ?1 AND attempt = ?2 AND window = ?3",
	};
	int err = 0;
	for (size_t i = 0; err == 0 && i < sizeof deletions / sizeof deletions[0]; i++) {
		err = trim_run_sql(sql, NULL, deletions[i], 3, run, found[0], found[1]);
	}
	return err;
}

static int trim_windows(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	int64_t *ret_removed, bool *ret_more) {
	int64_t found[WINDOWS_PORTION][2];
	struct portion p = {.step_last = -1};
	int err = find_windows(sql, run, order->before, found, &p);
	for (int64_t i = 0; err == 0 && i < p.n_rows; i++) {
		err = delete_window(sql, run->n, found[i]);
	}
	*ret_removed += p.n_rows;
	*ret_more = p.n_rows == WINDOWS_PORTION;
	return err < 0 || p.n_rows == 0 ? err : note(sql, run, order, &p);
}

int trim_rows(sqlite3 *sql, const struct trim_run *run, const struct trim_order *order,
	int64_t *ret_removed, bool *ret_more) {
	*ret_more = false;
	switch (order->what) {
	case RETENTION_STEPS:
		return trim_steps(sql, run, order, ret_removed, ret_more);
	case RETENTION_LINES:
		return trim_lines(sql, run, order, ret_removed, ret_more);
	case RETENTION_WINDOWS:
		return trim_windows(sql, run, order, ret_removed, ret_more);
	case RETENTION_RUN:
	case RETENTION_N_WHAT:
		break;
	}
	return 0;
}

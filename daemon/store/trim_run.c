/* Runs that go as a whole, and what they leave. */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "crash.h"
#include "slots.h"
#include "trim_private.h"

#define ROWS_PORTION "512"

/* ---- the run ---- */

/* Only what has ended goes, whoever asks: 0 or -ENOENT. */
static int remember(sqlite3 *sql, const struct trim_asked *asked, double now) {
	sqlite3_stmt *st;
	int err = trim_prepare(sql, &st,
		"INSERT INTO removed_runs_data SELECT n, id, name, project, user, uid, private, "
		"state, step, started, last_seen, ?2, ?3, 0 FROM runs_data WHERE n = ?1 AND id = "
		"?4 AND state NOT IN ('running', 'stalled')",
		1, asked->n);
	if (err == 0) {
		(void)sqlite3_bind_double(st, 2, now);
		(void)sqlite3_bind_text(st, 3, asked->why, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(st, 4, asked->id, -1, SQLITE_STATIC);
		err = db_error(sql, sqlite3_step(st));
	}
	bool found = err == 0 && sqlite3_changes(sql) > 0;
	(void)sqlite3_finalize(st);
	return err < 0 || found ? err : -ENOENT;
}

/* All that says that there is such a run, and what of it is one row. */
static int strike_out(sqlite3 *sql, int64_t n) {
	static const char *const deletions[] = {
		"DELETE FROM runs_data WHERE n = ?1",
		"DELETE FROM runs_about WHERE run = ?1",
		"DELETE FROM run_state WHERE run = ?1",
		"DELETE FROM forwards_data WHERE run = ?1",
		"DELETE FROM removed_data WHERE run = ?1",
		"DELETE FROM acknowledged_data WHERE run = ?1",
	};
	int err = 0;
	for (size_t i = 0; err == 0 && i < sizeof deletions / sizeof deletions[0]; i++) {
		err = trim_run_sql(sql, NULL, deletions[i], 1, n);
	}
	return err;
}

int trim_remove(struct db *db, const struct slots *slots, struct known *known,
	const struct trim_asked *asked, double now, const char *event) {
	int err = db_begin(db);
	err = err < 0 ? err : remember(db->sql, asked, now);
	err = err < 0 ? err : strike_out(db->sql, asked->n);
	if (err == 0 && event != NULL) {
		err = db_error(db->sql, writer_put_event(&db->writer, 0, now, "removed", event));
	}
	CRASH_POINT("before-run-removed");
	err = err < 0 ? err : db_commit(db);
	if (err < 0) {
		db_rollback(db);
		return err;
	}
	CRASH_POINT("after-run-removed");
	known_forget(known, asked->id);
	slots_remove_run(slots, asked->id);
	return 0;
}

/* ---- what it leaves ---- */

/* Marks come last: they know their files. */
static const char *const leftovers[] = {
	"DELETE FROM steps_data WHERE (run, step, attempt) IN "
	"(SELECT run, step, attempt FROM steps_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM history_data WHERE (run, step, attempt, line, key) IN (SELECT run, step, "
	"attempt, line, key FROM history_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM histograms_data WHERE (run, step, attempt, line, key) IN (SELECT run, step, "
	"attempt, line, key FROM histograms_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM lines_data WHERE (run, line) IN "
	"(SELECT run, line FROM lines_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM windows_data WHERE (run, attempt, window) IN "
	"(SELECT run, attempt, window FROM windows_data WHERE run = ?1 LIMIT 32)",
	"DELETE FROM window_means_data WHERE (run, attempt, window) IN "
	"(SELECT run, attempt, window FROM window_means_data WHERE run = ?1 LIMIT " ROWS_PORTION
	")",
	"DELETE FROM features_data WHERE (run, part) IN "
	"(SELECT run, part FROM features_data WHERE run = ?1 LIMIT 16)",
	"DELETE FROM deaths_data WHERE (run, attempt, window, part) IN "
	"(SELECT run, attempt, window, part FROM deaths_data WHERE run = ?1 LIMIT 32)",
	"DELETE FROM forward_lines_data WHERE (run, line) IN "
	"(SELECT run, line FROM forward_lines_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM refused_lines_data WHERE (run, line) IN "
	"(SELECT run, line FROM refused_lines_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM events_data WHERE n IN "
	"(SELECT n FROM events_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM alerts_data WHERE (run, n) IN "
	"(SELECT run, n FROM alerts_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM streams_data WHERE (run, stream) IN "
	"(SELECT run, stream FROM streams_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
	"DELETE FROM attempts_data WHERE (run, attempt) IN "
	"(SELECT run, attempt FROM attempts_data WHERE run = ?1 LIMIT " ROWS_PORTION ")",
};

/* *ret_more: not all is gone. */
static int delete_some(sqlite3 *sql, int64_t n, uint64_t deadline_ns, bool *ret_more) {
	size_t at = 0;
	while (at < sizeof leftovers / sizeof leftovers[0]) {
		int64_t deleted = 0;
		int err = trim_run_sql(sql, &deleted, leftovers[at], 1, n);
		if (err < 0) {
			return err;
		}
		if (clock_mono_ns() >= deadline_ns) {
			*ret_more = true;
			return 0;
		}
		at += deleted == 0;
	}
	return 0;
}

/* A run of the same id that came since has files of the same names: those are its own, and marks that it does not
 * name are swept at the next start. */
static int remove_files(sqlite3 *sql, const struct slots *slots, const struct trim_asked *gone) {
	sqlite3_stmt *st;
	int rc = SQLITE_DONE;
	int err = trim_prepare(sql, &st,
		"SELECT n FROM marks_data WHERE run = ?1 AND kept AND NOT EXISTS "
		"(SELECT 1 FROM runs_data WHERE id = ?2)",
		1, gone->n);
	if (err == 0) {
		(void)sqlite3_bind_text(st, 2, gone->id, -1, SQLITE_STATIC);
	}
	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		slots_remove_mark(slots, gone->id, sqlite3_column_int64(st, 0));
	}
	err = err < 0 ? err : db_error(sql, rc);
	(void)sqlite3_finalize(st);
	return err;
}

static bool is_back(sqlite3 *sql, const char *id) {
	sqlite3_stmt *st;
	int err = trim_prepare(sql, &st, "SELECT 1 FROM runs_data WHERE id = ?1", 0);
	bool back = true; /* in doubt its files stay */
	if (err == 0) {
		(void)sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
		back = sqlite3_step(st) != SQLITE_DONE;
	}
	(void)sqlite3_finalize(st);
	return back;
}

/* The files before the last rows that name them, so that a kill in between leaves none behind. */
static int conclude(sqlite3 *sql, const struct slots *slots, const struct trim_asked *gone) {
	if (!is_back(sql, gone->id)) {
		slots_remove_run(slots, gone->id);
	}
	int err = remove_files(sql, slots, gone);
	err = err < 0 ? err
		      : trim_run_sql(
				sql, NULL, "DELETE FROM marks_data WHERE run = ?1", 1, gone->n);
	err = err < 0 ? err
		      : trim_run_sql(sql, NULL,
				"UPDATE removed_runs_data SET collected = 1 WHERE n = ?1", 1,
				gone->n);
	return err < 0 ? err
		       : trim_run_sql(sql, NULL,
				 "DELETE FROM removed_runs_data WHERE collected AND n IN "
				 "(SELECT n FROM removed_runs_data ORDER BY removed DESC, n DESC "
				 "LIMIT -1 OFFSET ?1)",
				 1, (int64_t)TRIM_REMEMBERED);
}

static int find_gone(sqlite3 *sql, struct trim_asked *ret, bool *ret_found) {
	sqlite3_stmt *st;
	int err = trim_prepare(sql, &st,
		"SELECT n, id FROM removed_runs_data WHERE collected = 0 ORDER BY n LIMIT 1", 0);
	int rc = err == 0 ? sqlite3_step(st) : SQLITE_DONE;
	*ret_found = rc == SQLITE_ROW;
	if (*ret_found) {
		ret->n = sqlite3_column_int64(st, 0);
		snprintf(ret->id, sizeof ret->id, "%s", (const char *)sqlite3_column_text(st, 1));
	}
	(void)sqlite3_finalize(st);
	return err < 0 ? err : db_error(sql, rc);
}

int trim_collect(struct db *db, const struct slots *slots, uint64_t deadline_ns, bool *ret_any) {
	struct trim_asked gone;
	bool more = false;
	int err = find_gone(db->sql, &gone, ret_any);
	if (err < 0 || !*ret_any) {
		return err;
	}
	err = db_begin(db);
	err = err < 0 ? err : delete_some(db->sql, gone.n, deadline_ns, &more);
	if (err == 0 && !more) {
		err = conclude(db->sql, slots, &gone);
	}
	return trim_end(db, err);
}

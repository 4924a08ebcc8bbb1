#include "removed.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "db.h"
#include "run_match.h"

#define DATE_SIZE 32

static const char *write_date(char out[DATE_SIZE], double time) {
	time_t at = (time_t)time;
	struct tm tm;
	if (gmtime_r(&at, &tm) == NULL || strftime(out, DATE_SIZE, "%Y-%m-%d", &tm) == 0) {
		snprintf(out, DATE_SIZE, "unknown");
	}
	return out;
}

static void write_words(struct removed *r) {
	char date[DATE_SIZE];
	snprintf(r->words, sizeof r->words, "%s through %" PRId64 " (%s) removed by retention (%s)",
		r->what, r->step_last, write_date(date, r->time_last), r->why);
}

int removed_each(sqlite3 *sql, int64_t run, void (*each)(void *user, const struct removed *removed),
	void *user) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql,
		"SELECT CASE what WHEN 0 THEN 'steps' WHEN 1 THEN 'lines' ELSE 'windows' END, "
		"step_last, n_rows, time_last, removed, why FROM removed_data WHERE run = ? AND "
		"n_rows > 0 ORDER BY what",
		-1, &st, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_bind_int64(st, 1, run);
	}
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct removed removed = {
			.what = (const char *)sqlite3_column_text(st, 0),
			.step_last = sqlite3_column_int64(st, 1),
			.n_rows = sqlite3_column_int64(st, 2),
			.time_last = sqlite3_column_double(st, 3),
			.removed = sqlite3_column_double(st, 4),
			.why = (const char *)sqlite3_column_text(st, 5),
		};
		write_words(&removed);
		each(user, &removed);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(st);
	return db_error(sql, rc);
}

int removed_find(sqlite3 *sql, const char *id, const struct viewer *viewer, bool *ret_found,
	char ret_words[REMOVED_WORDS_MAX]) {
	sqlite3_stmt *st = NULL;
	char date[DATE_SIZE];
	int rc = sqlite3_prepare_v2(sql,
		"SELECT r.id, r.removed, r.why FROM removed_runs_data r WHERE r.id = :id "
		"AND " RUN_VISIBLE " ORDER BY r.n DESC LIMIT 1",
		-1, &st, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(
			st, sqlite3_bind_parameter_index(st, ":id"), id, -1, SQLITE_STATIC);
		run_match_bind(st, viewer);
		rc = sqlite3_step(st);
	}
	*ret_found = rc == SQLITE_ROW;
	if (*ret_found) {
		snprintf(ret_words, REMOVED_WORDS_MAX, "%s was removed on %s (%s)",
			(const char *)sqlite3_column_text(st, 0),
			write_date(date, sqlite3_column_double(st, 1)),
			(const char *)sqlite3_column_text(st, 2));
	}
	(void)sqlite3_finalize(st);
	return db_error(sql, rc);
}

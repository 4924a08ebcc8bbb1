#include "merge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db.h"
#include "merge_rows.h"
#include "run_match.h"

#define STEPS_BETWEEN_LOOKS 10000 /* of SQLite's machine: below a millisecond */

struct run {
	int64_t n;
	double last_seen, messages, ended;
};

/* ---- which is newer ---- */

#define RUN_COLUMNS "n, id, coalesce(last_seen, 0), messages, coalesce(ended, 0)"

static struct run read_run(sqlite3_stmt *st) {
	return (struct run){
		.n = sqlite3_column_int64(st, 0),
		.last_seen = sqlite3_column_double(st, 2),
		.messages = sqlite3_column_double(st, 3),
		.ended = sqlite3_column_double(st, 4),
	};
}

static bool is_newer(const struct run *a, const struct run *b) {
	return a->last_seen != b->last_seen ? a->last_seen > b->last_seen
	       : a->messages != b->messages ? a->messages > b->messages
					    : a->ended > b->ended;
}

/* SQLITE_ROW, SQLITE_DONE: it is not there, or an error. */
static int find_run(sqlite3 *into, sqlite3_value *id, struct run *ret) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		into, "SELECT " RUN_COLUMNS " FROM runs_data WHERE id = ?", -1, &st, NULL);

	rc = rc == SQLITE_OK ? sqlite3_bind_value(st, 1, id) : rc;
	rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
	if (rc == SQLITE_ROW) {
		*ret = read_run(st);
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* ---- runs ---- */

static int merge_run(struct merging *m, sqlite3_stmt *st, struct merge_counts *counts) {
	struct run theirs = read_run(st), ours = {0};
	int rc = find_run(m->into, sqlite3_column_value(st, 1), &ours);

	if (rc == SQLITE_ROW && !is_newer(&theirs, &ours)) {
		counts->kept++;
		return SQLITE_OK;
	}
	if (rc == SQLITE_ROW) {
		counts->replaced++;
		rc = merge_remove_run(m, ours.n);
		return rc == SQLITE_OK ? merge_copy_run(m, theirs.n, ours.n) : rc;
	}
	if (rc == SQLITE_DONE) {
		int64_t n = 0;
		counts->added++;
		rc = merge_new_number(m, &n);
		return rc == SQLITE_OK ? merge_copy_run(m, theirs.n, n) : rc;
	}
	return rc;
}

static int merge_runs(struct merging *m, const struct viewer *viewer, struct merge_counts *counts) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(m->from,
		"SELECT " RUN_COLUMNS " FROM runs_data r WHERE " RUN_VISIBLE " ORDER BY n", -1, &st,
		NULL);

	if (rc == SQLITE_OK) {
		run_match_bind(st, viewer);
	}
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rc = atomic_load(m->stop) ? SQLITE_INTERRUPT : merge_run(m, st, counts);
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- a transaction of both ---- */

static int say(struct merging *m, int rc, char words[MERGE_WORDS_MAX]) {
	if (rc == SQLITE_INTERRUPT && atomic_load(m->stop)) {
		snprintf(words, MERGE_WORDS_MAX, "stopped");
		return -EINTR;
	}
	bool is_theirs = (sqlite3_errcode(m->from) & 0xff) == (rc & 0xff) &&
			 (sqlite3_errcode(m->into) & 0xff) != (rc & 0xff);
	snprintf(words, MERGE_WORDS_MAX, "%.200s", sqlite3_errmsg(is_theirs ? m->from : m->into));
	int err = db_error(is_theirs ? m->from : m->into, rc);
	return err < 0 ? err : -EIO;
}

/* A statement of a database that somebody else has made may never bring a row. */
static int on_progress(void *user) {
	const struct merging *m = user;

	return atomic_load(m->stop);
}

int merge_from(sqlite3 *into, sqlite3 *from, const struct viewer *viewer, const atomic_bool *stop,
	struct merge_counts *ret, char ret_words[MERGE_WORDS_MAX]) {
	struct merging m = {.into = into, .from = from, .stop = stop};
	struct merge_counts counts = {0};

	sqlite3_progress_handler(from, STEPS_BETWEEN_LOOKS, on_progress, &m);
	int rc = sqlite3_exec(from, "BEGIN", NULL, NULL, NULL);
	rc = rc == SQLITE_OK ? sqlite3_exec(into, "BEGIN IMMEDIATE", NULL, NULL, NULL) : rc;
	rc = rc == SQLITE_OK ? merge_prepare(&m) : rc;
	rc = rc == SQLITE_OK ? merge_runs(&m, viewer, &counts) : rc;
	rc = rc == SQLITE_OK ? merge_copy_rest(&m, viewer) : rc;
	sqlite3_progress_handler(from, 0, NULL, NULL);
	merge_finish(&m);
	rc = rc == SQLITE_OK ? sqlite3_exec(into, "COMMIT", NULL, NULL, NULL) : rc;
	int err = rc == SQLITE_OK ? 0 : say(&m, rc, ret_words);
	if (sqlite3_get_autocommit(into) == 0) {
		(void)sqlite3_exec(into, "ROLLBACK", NULL, NULL, NULL);
	}
	(void)sqlite3_exec(from, "ROLLBACK", NULL, NULL, NULL);
	if (err == 0) {
		*ret = counts;
	}
	return err;
}

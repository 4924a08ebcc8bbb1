#include "spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"
#include "spool_private.h"

int spool_prepare(sqlite3 *sql, const char *text, int64_t run, sqlite3_stmt **ret) {
	int rc = sqlite3_prepare_v2(sql, text, -1, ret, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_bind_int64(*ret, 1, run);
	}
	return db_error(sql, rc);
}

int spool_run(sqlite3 *sql, sqlite3_stmt *st, int err) {
	if (err == 0) {
		err = db_error(sql, sqlite3_step(st));
	}
	(void)sqlite3_finalize(st);
	return err;
}

void spool_bind_text(sqlite3_stmt *st, int at, const char *text) {
	(void)sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

char *spool_take_text(sqlite3_stmt *st, int at, int *err) {
	const char *text = (const char *)sqlite3_column_text(st, at);
	char *copy = text == NULL ? NULL : strdup(text);
	if (copy == NULL && sqlite3_column_type(st, at) != SQLITE_NULL) {
		*err = -ENOMEM;
	}
	return copy;
}

int spool_read_line(struct db *db, int64_t run, int64_t line, struct forward_line *ret,
	double *ret_elapsed_s, bool *ret_found) {
	sqlite3_stmt *st = NULL;
	int err = spool_prepare(db->sql,
		"SELECT step, time, elapsed_s FROM forward_lines_data WHERE run = ?1 AND line = ?2",
		run, &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 2, line);
		int rc = sqlite3_step(st);
		*ret_found = rc == SQLITE_ROW;
		if (*ret_found) {
			ret->step = (uint32_t)sqlite3_column_int64(st, 0);
			ret->time = sqlite3_column_double(st, 1);
			*ret_elapsed_s = sqlite3_column_double(st, 2);
		}
		err = *ret_found ? 0 : db_error(db->sql, rc);
	}
	(void)sqlite3_finalize(st);
	return err;
}

static int find_run(struct db *db, const char *run_id, int64_t *ret) {
	sqlite3_stmt *st = NULL;
	int rc =
		sqlite3_prepare_v2(db->sql, "SELECT n FROM runs_data WHERE id = ?1", -1, &st, NULL);
	if (rc == SQLITE_OK) {
		spool_bind_text(st, 1, run_id);
		rc = sqlite3_step(st);
	}
	int err = rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -ENOENT : db_error(db->sql, rc);
	if (err == 0) {
		*ret = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* In a transaction, whole or not at all: a visit that fails is made again with the same cursor. */
static int visit_run(struct db *db, int64_t run, struct forward_visit *visit) {
	int err = visit->save != FORWARD_SAVE_NOTHING ? spool_save(db, run, visit) : 0;
	if (err == 0) {
		err = spool_bring_cursor(db, run, &visit->cursor);
	}
	if (err == 0 && visit->lines_max > 0) {
		err = spool_pass_over(db, run, visit);
	}
	return err < 0 ? err : spool_bring(db, run, visit);
}

static void pass_points(const struct forward_visit *visit, const char *any, const char *base) {
	(void)any;
	(void)base;
	if (visit->save != FORWARD_SAVE_NOTHING) {
		CRASH_POINT(any);
	}
	if (visit->save == FORWARD_SAVE_BASE) {
		CRASH_POINT(base);
	}
}

int spool_visit(struct db *db, struct forward_visit *visit) {
	int64_t run = 0;
	int err = find_run(db, visit->run_id, &run);
	if (err < 0) {
		return err;
	}
	if (visit->save != FORWARD_SAVE_NOTHING &&
		memcmp(visit->cursor.db_id, db->id, sizeof db->id) != 0) {
		return -EXDEV;
	}
	err = db_begin(db);
	err = err < 0 ? err : visit_run(db, run, visit);
	pass_points(visit, "before-forward-save", "before-forward-base");
	err = err < 0 ? err : db_commit(db);
	pass_points(visit, "after-forward-save", "after-forward-base");
	if (err < 0) {
		db_rollback(db);
	}
	return err;
}

#include "kept_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "line_reader.h"

/* A column as a text of its own, NULL where it is NULL; memory that is short sets *err. */
static char *take_text(sqlite3_stmt *st, int at, int *err) {
	const char *text = (const char *)sqlite3_column_text(st, at);
	char *copy = text == NULL ? NULL : strdup(text);
	if (copy == NULL && sqlite3_column_type(st, at) != SQLITE_NULL) {
		*err = -ENOMEM;
	}
	return copy;
}

/* The one row there is of a run: 0, -ENOENT, or broken. *ret_st is to be finalized. */
static int only_row(sqlite3 *sql, const char *text, int64_t n, sqlite3_stmt **ret_st) {
	int rc = sqlite3_prepare_v2(sql, text, -1, ret_st, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(*ret_st, 1, n);
		rc = sqlite3_step(*ret_st);
	}
	return rc == SQLITE_DONE ? -ENOENT : db_error(sql, rc);
}

int kept_run_about(sqlite3 *sql, int64_t n, struct forward_about *ret) {
	sqlite3_stmt *st = NULL;
	struct forward_about a = {0};
	int err = only_row(sql,
		"SELECT r.entity, r.project, r.name, r.group_name, r.job_type, a.notes, a.tags, "
		"a.config, a.args, r.host, r.program, r.git_commit, r.git_remote, r.sweep_id, "
		"r.profile, r.key_suffix, r.started "
		"FROM runs_data r LEFT JOIN runs_about a ON a.run = r.n WHERE r.n = ?",
		n, &st);
	if (err == 0) {
		char **const texts[] = {&a.entity, &a.project, &a.name, &a.group, &a.job_type,
			&a.notes, &a.tags_json, &a.config_json, &a.args_json, &a.host, &a.program,
			&a.git_commit, &a.git_remote, &a.sweep_id, &a.profile, &a.key_suffix};
		const int n_texts = sizeof texts / sizeof texts[0];
		for (int i = 0; i < n_texts; i++) {
			*texts[i] = take_text(st, i, &err);
		}
		a.started = sqlite3_column_double(st, n_texts);
	}
	(void)sqlite3_finalize(st);
	if (err < 0) {
		forward_about_finish(&a);
		return err;
	}
	forward_about_finish(ret);
	*ret = a;
	return 0;
}

static int read_end(sqlite3 *sql, struct kept_run *run) {
	sqlite3_stmt *st = NULL;
	int err = only_row(sql,
		"SELECT r.id, r.state, r.exit_code, a.summary, f.accepted, r.ended FROM runs_data "
		"r "
		"LEFT JOIN runs_about a ON a.run = r.n LEFT JOIN forwards_data f ON f.run = r.n "
		"WHERE r.n = ?",
		run->n, &st);
	if (err == 0) {
		snprintf(run->id, sizeof run->id, "%s", (const char *)sqlite3_column_text(st, 0));
		snprintf(run->state, sizeof run->state, "%s",
			(const char *)sqlite3_column_text(st, 1));
		run->has_exit_code = sqlite3_column_type(st, 2) != SQLITE_NULL;
		run->exit_code = sqlite3_column_int(st, 2);
		run->summary_json = take_text(st, 3, &err);
		run->n_forwarded = sqlite3_column_int64(st, 4);
		run->ended = run->has_exit_code ? sqlite3_column_double(st, 5) : 0;
	}
	(void)sqlite3_finalize(st);
	return err;
}

int kept_run_read(sqlite3 *sql, int64_t n, struct kept_run *ret) {
	struct kept_run run = {.n = n};
	int err = db_error(sql, sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL));
	err = err < 0 ? err : read_end(sql, &run);
	err = err < 0 ? err : kept_run_about(sql, n, &run.about);
	err = err < 0 ? err : line_reader_newest(sql, n, &run.newest_line);
	(void)sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
	if (err < 0) {
		kept_run_finish(&run);
		return err;
	}
	*ret = run;
	return 0;
}

void kept_run_finish(struct kept_run *run) {
	forward_about_finish(&run->about);
	free(run->summary_json);
	run->summary_json = NULL;
}

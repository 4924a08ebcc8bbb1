#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amend_private.h"
#include "format.h"
#include "known.h"
#include "text.h"
#include "trim_private.h"

#define WORDS_TEXT_MAX 160u /* of a name or of tags, in a sentence */

void amendment_destroy(struct amendment *a) {
	if (a != NULL) {
		json_decref(a->name);
		json_decref(a->add);
		json_decref(a->take);
		json_decref(a->alerts);
		free(a);
	}
}

/* ---- statements ---- */

int amend_prepare(sqlite3 *sql, const char *text, sqlite3_stmt **ret) {
	*ret = NULL;
	return db_error(sql, sqlite3_prepare_v2(sql, text, -1, ret, NULL));
}

int amend_run(sqlite3 *sql, sqlite3_stmt *st, int err) {
	if (err == 0) {
		err = db_error(sql, sqlite3_step(st));
	}
	(void)sqlite3_finalize(st);
	return err;
}

int amend_find(sqlite3 *sql, const char *id, struct amended_run *ret) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql,
		"SELECT r.n, r.attempt, r.state, coalesce(f.lines - f.accepted, 0), f.run IS NULL "
		"OR f.completed FROM runs_data r LEFT JOIN forwards_data f ON f.run = r.n "
		"WHERE r.id = ?1",
		&st);
	if (err == 0) {
		(void)sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
		int rc = sqlite3_step(st);
		err = rc == SQLITE_DONE ? -ENOENT : db_error(sql, rc);
	}
	if (err == 0) {
		ret->n = sqlite3_column_int64(st, 0);
		ret->attempt = sqlite3_column_int64(st, 1);
		snprintf(ret->state, sizeof ret->state, "%s",
			(const char *)sqlite3_column_text(st, 2));
		ret->pending = sqlite3_column_int64(st, 3);
		ret->is_completed = sqlite3_column_int(st, 4);
	}
	(void)sqlite3_finalize(st);
	return err;
}

void amend_bind(sqlite3_stmt *st, int at, const char *text) {
	(void)sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

char *amend_compose(const char *format, ...) {
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	return len < 0 ? NULL : text;
}

int amend_fit(const char *text) {
	return (int)text_fit(text_of(text, strlen(text)), WORDS_TEXT_MAX);
}

int amend_event(
	const struct amendment *a, struct db *db, int64_t run, const char *kind, char *text) {
	if (text == NULL) {
		return -ENOMEM;
	}
	int err = db_error(db->sql, writer_put_event(&db->writer, run, a->now, kind, text));
	free(text);
	return err;
}

/* ---- the whole run ---- */

static int judge_removal(struct amendment *a, const struct amended_run *run) {
	char count[FORMAT_MAX];

	if (strcmp(run->state, "running") == 0 || strcmp(run->state, "stalled") == 0) {
		snprintf(a->words, sizeof a->words,
			"run %s is being trained: have it stopped first (sae-metricsd stop %s)",
			a->id, a->id);
		return AMEND_GOES_ON;
	}
	if (run->pending > 0 && !a->force) {
		snprintf(a->words, sizeof a->words,
			"W&B does not have %s row%s of run %s yet: `sae-metricsd sync %s` sends "
			"what "
			"waits, and --force removes it all the same",
			format_grouped(count, (uint64_t)run->pending), run->pending == 1 ? "" : "s",
			a->id, a->id);
		return AMEND_UNSENT;
	}
	if (run->pending > 0) {
		snprintf(a->words, sizeof a->words,
			"run %s is removed, with %s row%s that W&B never got", a->id,
			format_grouped(count, (uint64_t)run->pending),
			run->pending == 1 ? "" : "s");
	} else {
		snprintf(a->words, sizeof a->words, "run %s is removed", a->id);
	}
	return AMEND_DONE;
}

/* trim_remove's transaction is its own. The event is the database's: the run's own go with it. */
static int remove_run(struct amendment *a, struct db *db, const struct slots *slots,
	struct known *known, const struct amended_run *run) {
	struct trim_asked asked = {.n = run->n};
	char event[AMEND_WORDS_MAX + AMEND_WHO_MAX + 2];

	int result = judge_removal(a, run);
	if (result != AMEND_DONE || a->look_only) {
		return result;
	}
	snprintf(asked.id, sizeof asked.id, "%s", a->id);
	size_t room = sizeof asked.why - sizeof "asked for by ";
	snprintf(asked.why, sizeof asked.why, "asked for by %.*s",
		(int)text_fit(text_of(a->who, strlen(a->who)), room), a->who);
	snprintf(event, sizeof event, "%s: %s", a->who, a->words);
	int err = trim_remove(db, slots, known, &asked, a->now, event);
	return err == -ENOENT ? AMEND_NO_SUCH_RUN : err;
}

/* ---- any ---- */

static int amend_row(struct amendment *a, struct db *db, const struct amended_run *run) {
	return a->kind == AMEND_ALERTS ? amend_alerts(a, db)
	       : a->kind == AMEND_NAME ? amend_name(a, db, run)
				       : amend_tags(a, db, run);
}

/* It was there when its number was looked up: whoever asked is told what became of it since. */
static int say_gone(struct amendment *a) {
	snprintf(a->words, sizeof a->words, "no run is called %s any longer", a->id);
	return AMEND_NO_SUCH_RUN;
}

int amend(struct amendment *a, struct db *db, const struct slots *slots, struct known *known) {
	struct amended_run run = {0};
	int result = a->kind == AMEND_ALERTS ? 0 : amend_find(db->sql, a->id, &run);
	if (result < 0) {
		return result == -ENOENT ? say_gone(a) : result;
	}
	if (a->kind == AMEND_REMOVE) {
		result = remove_run(a, db, slots, known, &run);
		return result == AMEND_NO_SUCH_RUN ? say_gone(a) : result;
	}
	result = db_begin(db);
	result = result < 0 ? result : amend_row(a, db, &run);
	int err = result == AMEND_DONE ? db_commit(db) : result;
	if (err != 0) {
		db_rollback(db);
	}
	return err < 0 ? err : result;
}

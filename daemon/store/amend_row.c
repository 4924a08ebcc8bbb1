/* Of a run that stays: its name, its tags, its alerts. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amend_private.h"
#include "text.h"

#define WORDS_TEXT_MAX 160u /* of a name or of tags, in a sentence */

static void bind_text(sqlite3_stmt *st, int at, const char *text) {
	(void)sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static char *compose(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *compose(const char *format, ...) {
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	return len < 0 ? NULL : text;
}

static int fit(const char *text) {
	return (int)text_fit(text_of(text, strlen(text)), WORDS_TEXT_MAX);
}

/* ---- the name ---- */

/* What it was called, malloc'ed; "" where it had no name. */
static int read_name(sqlite3 *sql, int64_t n, char **ret) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql, "SELECT coalesce(name, '') FROM runs_data WHERE n = ?1", &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 1, n);
		err = db_error(sql, sqlite3_step(st));
	}
	if (err == 0) {
		*ret = strdup((const char *)sqlite3_column_text(st, 0));
		err = *ret == NULL ? -ENOMEM : 0;
	}
	(void)sqlite3_finalize(st);
	return err;
}

static int put_name(struct amendment *a, sqlite3 *sql, int64_t n) {
	sqlite3_stmt *st;
	int err = amend_prepare(
		sql, "UPDATE runs_data SET name = ?1, name_by = ?2 WHERE n = ?3", &st);
	if (err == 0) {
		bind_text(st, 1, json_string_value(a->name));
		bind_text(st, 2, a->who);
		(void)sqlite3_bind_int64(st, 3, n);
	}
	return amend_run(sql, st, err);
}

int amend_name(struct amendment *a, struct db *db, const struct amended_run *run) {
	const char *name = json_string_value(a->name);
	char *before = NULL;
	int err = read_name(db->sql, run->n, &before);
	err = err < 0 ? err : put_name(a, db->sql, run->n);
	if (err == 0 && before != NULL) {
		err = amend_event(a, db, run->n, "renamed",
			before[0] != '\0'
				? compose("%s calls it %s; it was %s", a->who, name, before)
				: compose("%s calls it %s", a->who, name));
	}
	if (err == 0) {
		snprintf(
			a->words, sizeof a->words, "run %s is called %.*s", a->id, fit(name), name);
		text_mend_end(a->words);
	}
	free(before);
	return err;
}

/* ---- tags ---- */

/* A list of texts, whatever is there. */
static int read_tags(sqlite3 *sql, int64_t n, json_t **ret) {
	sqlite3_stmt *st;
	json_t *tags = NULL;
	int err = amend_prepare(sql, "SELECT tags FROM runs_about WHERE run = ?1", &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 1, n);
		int rc = sqlite3_step(st);
		const char *text =
			rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
		tags = text != NULL ? json_loads(text, 0, NULL) : NULL;
		err = db_error(sql, rc);
	}
	(void)sqlite3_finalize(st);
	if (!json_is_array(tags)) {
		json_decref(tags);
		tags = json_array();
	}
	*ret = tags;
	return err < 0 || tags != NULL ? err : -ENOMEM;
}

static bool has(const json_t *list, const json_t *text) {
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		if (json_equal(item, text)) {
			return true;
		}
	}
	return false;
}

/* In their order, the new ones last. NULL: memory is short. */
static json_t *change_tags(const json_t *tags, const struct amendment *a) {
	json_t *changed = json_array();
	size_t i;
	json_t *tag;
	int err = 0;
	json_array_foreach(tags, i, tag) {
		err |= has(a->take, tag) ? 0 : json_array_append(changed, tag);
	}
	json_array_foreach(a->add, i, tag) {
		err |= has(changed, tag) ? 0 : json_array_append(changed, tag);
	}
	if (err != 0) {
		json_decref(changed);
		return NULL;
	}
	return changed;
}

static int put_tags(const struct amendment *a, sqlite3 *sql, int64_t n, const char *tags) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql,
		"INSERT INTO runs_about (run, tags, tags_by) VALUES (?3, ?1, ?2) "
		"ON CONFLICT (run) DO UPDATE SET tags = excluded.tags, tags_by = excluded.tags_by",
		&st);
	if (err == 0) {
		bind_text(st, 1, tags);
		bind_text(st, 2, a->who);
		(void)sqlite3_bind_int64(st, 3, n);
	}
	return amend_run(sql, st, err);
}

static int store_tags(struct amendment *a, struct db *db, int64_t n, const json_t *tags) {
	char *text = json_dumps(tags, 0);
	int err = text == NULL ? -ENOMEM : put_tags(a, db->sql, n, text);
	if (err == 0) {
		err = amend_event(a, db, n, "tagged", compose("%s sets the tags %s", a->who, text));
	}
	if (err == 0) {
		snprintf(a->words, sizeof a->words, "run %s has the tags %.*s", a->id, fit(text),
			text);
		text_mend_end(a->words);
	}
	free(text);
	return err;
}

static int set_tags(struct amendment *a, struct db *db, int64_t n, const json_t *before) {
	json_t *after = change_tags(before, a);
	int result = AMEND_DONE;
	if (after == NULL) {
		return -ENOMEM;
	}
	if (json_equal(after, before)) {
		snprintf(a->words, sizeof a->words, "run %s has these tags already", a->id);
		result = AMEND_UNCHANGED;
	} else if (json_array_size(after) > LIST_MAX) {
		snprintf(a->words, sizeof a->words, "run %s would have %zu tags; at most %u", a->id,
			json_array_size(after), LIST_MAX);
		result = AMEND_TOO_MANY;
	} else {
		result = store_tags(a, db, n, after);
	}
	json_decref(after);
	return result;
}

int amend_tags(struct amendment *a, struct db *db, const struct amended_run *run) {
	json_t *before = NULL;
	int result = read_tags(db->sql, run->n, &before);
	result = result < 0 ? result : set_tags(a, db, run->n, before);
	json_decref(before);
	return result;
}

/* ---- alerts ---- */

static int forget_alert(sqlite3 *sql, int64_t n, const char *kind) {
	sqlite3_stmt *st;
	int err = amend_prepare(
		sql, "DELETE FROM acknowledged_data WHERE kind = ?1 AND run = ?2", &st);
	if (err == 0) {
		bind_text(st, 1, kind);
		(void)sqlite3_bind_int64(st, 2, n);
	}
	return amend_run(sql, st, err);
}

static int remember_alert(const struct amendment *a, sqlite3 *sql, const struct amended_run *run,
	const char *kind, const char *words) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql,
		"INSERT INTO acknowledged_data VALUES (?4, (SELECT coalesce(max(n), 0) + 1 FROM "
		"acknowledged_data WHERE run = ?4), ?1, ?2, ?5, ?3, ?6)",
		&st);
	if (err == 0) {
		bind_text(st, 1, kind);
		bind_text(st, 2, words);
		bind_text(st, 3, a->who);
		(void)sqlite3_bind_int64(st, 4, run->n);
		(void)sqlite3_bind_int64(st, 5, run->attempt);
		(void)sqlite3_bind_double(st, 6, a->now);
	}
	return amend_run(sql, st, err);
}

static int amend_alert(struct amendment *a, struct db *db, const json_t *alert) {
	const char *kind = json_string_value(json_object_get(alert, "kind"));
	const char *words = json_string_value(json_object_get(alert, "words"));
	struct amended_run run;
	int err = amend_find(db->sql, json_string_value(json_object_get(alert, "id")), &run);
	if (err == -ENOENT) {
		return 0; /* removed since */
	}
	err = err < 0 ? err : forget_alert(db->sql, run.n, kind);
	if (err == 0 && !a->undo) {
		err = remember_alert(a, db->sql, &run, kind, words);
	}
	return err < 0 ? err
		       : amend_event(a, db, run.n, "acknowledged",
				 a->undo ? compose("%s takes back that %s is known", a->who, kind)
					 : compose("%s knows of %s: %s", a->who, kind, words));
}

int amend_alerts(struct amendment *a, struct db *db) {
	size_t i;
	json_t *alert;
	int err = 0;
	json_array_foreach(a->alerts, i, alert) {
		err = err < 0 ? err : amend_alert(a, db, alert);
	}
	return err;
}

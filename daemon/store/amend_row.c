/* Of a run that stays: its tags, its alerts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amend_private.h"
#include "text.h"

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

/* The trainer's own are kept beside them. */
static int put_tags(const struct amendment *a, sqlite3 *sql, int64_t n, const char *tags) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql,
		"INSERT INTO runs_about (run, tags, tags_by) VALUES (?3, ?1, ?2) "
		"ON CONFLICT (run) DO UPDATE SET tags_given = CASE WHEN tags_by IS NULL THEN tags "
		"ELSE tags_given END, tags = excluded.tags, tags_by = excluded.tags_by",
		&st);
	if (err == 0) {
		amend_bind(st, 1, tags);
		amend_bind(st, 2, a->who);
		(void)sqlite3_bind_int64(st, 3, n);
	}
	return amend_run(sql, st, err);
}

static int store_tags(struct amendment *a, struct db *db, int64_t n, const json_t *tags) {
	char *text = json_dumps(tags, 0);
	int err = text == NULL ? -ENOMEM : put_tags(a, db->sql, n, text);
	if (err == 0) {
		err = amend_event(
			a, db, n, "tagged", amend_compose("%s sets the tags %s", a->who, text));
	}
	if (err == 0) {
		snprintf(a->words, sizeof a->words, "run %s has the tags %.*s", a->id,
			amend_fit(text), text);
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

static int take_tags_back(struct amendment *a, struct db *db, int64_t n) {
	sqlite3_stmt *st;
	int err = amend_prepare(db->sql,
		"UPDATE runs_about SET tags = tags_given, tags_given = NULL, tags_by = NULL WHERE "
		"run = ?1 AND "
		"tags_by IS NOT NULL",
		&st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 1, n);
	}
	err = amend_run(db->sql, st, err);
	if (err == 0 && sqlite3_changes(db->sql) == 0) {
		snprintf(a->words, sizeof a->words, "run %s has the tags its trainer gave it",
			a->id);
		return AMEND_UNCHANGED;
	}
	return err;
}

static int undo_tags(struct amendment *a, struct db *db, int64_t n) {
	json_t *now = NULL;
	int result = take_tags_back(a, db, n);
	if (result != AMEND_DONE) {
		return result;
	}
	result = read_tags(db->sql, n, &now);
	char *text = result == 0 ? json_dumps(now, 0) : NULL;
	if (result == 0) {
		result = text == NULL ? -ENOMEM
				      : amend_event(a, db, n, "tagged",
						amend_compose("%s gives back the trainer's tags %s",
							a->who, text));
	}
	if (result == 0) {
		snprintf(a->words, sizeof a->words, "run %s has the tags %.*s again", a->id,
			amend_fit(text), text);
		text_mend_end(a->words);
	}
	free(text);
	json_decref(now);
	return result;
}

int amend_tags(struct amendment *a, struct db *db, const struct amended_run *run) {
	json_t *before = NULL;
	if (a->undo) {
		return undo_tags(a, db, run->n);
	}
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
		amend_bind(st, 1, kind);
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
		amend_bind(st, 1, kind);
		amend_bind(st, 2, words);
		amend_bind(st, 3, a->who);
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
				 a->undo ? amend_compose(
						   "%s takes back that %s is known", a->who, kind)
					 : amend_compose(
						   "%s knows of %s: %s", a->who, kind, words));
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

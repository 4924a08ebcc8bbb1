/* Of a run that stays: its name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amend_private.h"
#include "text.h"

struct naming {
	char *name;     /* malloc'ed; "" where it has none */
	bool by_person; /* else it is the trainer's */
};

static int read_name(sqlite3 *sql, int64_t n, struct naming *ret) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql,
		"SELECT coalesce(name, ''), name_by IS NOT NULL FROM runs_data WHERE n = ?1", &st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 1, n);
		err = db_error(sql, sqlite3_step(st));
	}
	if (err == 0) {
		ret->by_person = sqlite3_column_int(st, 1) != 0;
		ret->name = strdup((const char *)sqlite3_column_text(st, 0));
		err = ret->name == NULL ? -ENOMEM : 0;
	}
	(void)sqlite3_finalize(st);
	return err;
}

/* The trainer's own is kept beside it. */
static int put_name(struct amendment *a, sqlite3 *sql, int64_t n) {
	sqlite3_stmt *st;
	int err = amend_prepare(sql,
		"UPDATE runs_data SET name_given = CASE WHEN name_by IS NULL THEN name ELSE "
		"name_given END, name = ?1, name_by = ?2 WHERE n = ?3",
		&st);
	if (err == 0) {
		amend_bind(st, 1, json_string_value(a->name));
		amend_bind(st, 2, a->who);
		(void)sqlite3_bind_int64(st, 3, n);
	}
	return amend_run(sql, st, err);
}

static int give_name(struct amendment *a, struct db *db, int64_t n, const struct naming *before) {
	const char *name = json_string_value(a->name);
	if (before->by_person && strcmp(before->name, name) == 0) {
		snprintf(a->words, sizeof a->words, "run %s is called so already", a->id);
		return AMEND_UNCHANGED;
	}
	int err = put_name(a, db->sql, n);
	if (err == 0) {
		err = amend_event(a, db, n, "renamed",
			before->name[0] != '\0' ? amend_compose("%s calls it %s; it was %s", a->who,
							  name, before->name)
						: amend_compose("%s calls it %s", a->who, name));
	}
	snprintf(a->words, sizeof a->words, "run %s is called %.*s", a->id, amend_fit(name), name);
	return err;
}

static int take_name_back(
	struct amendment *a, struct db *db, int64_t n, const struct naming *before) {
	struct naming now = {0};
	sqlite3_stmt *st;
	if (!before->by_person) {
		snprintf(a->words, sizeof a->words, "run %s is called as its trainer calls it",
			a->id);
		return AMEND_UNCHANGED;
	}
	int err = amend_prepare(db->sql,
		"UPDATE runs_data SET name = name_given, name_given = NULL, name_by = NULL WHERE n "
		"= ?1",
		&st);
	if (err == 0) {
		(void)sqlite3_bind_int64(st, 1, n);
	}
	err = amend_run(db->sql, st, err);
	err = err < 0 ? err : read_name(db->sql, n, &now);
	if (err == 0) {
		err = amend_event(a, db, n, "renamed",
			amend_compose("%s takes back %s; it is %s again", a->who, before->name,
				now.name));
		snprintf(a->words, sizeof a->words, "run %s is called %.*s again", a->id,
			amend_fit(now.name), now.name);
	}
	free(now.name);
	return err;
}

int amend_name(struct amendment *a, struct db *db, const struct amended_run *run) {
	struct naming before = {0};
	int result = read_name(db->sql, run->n, &before);
	if (result == 0) {
		result = a->undo ? take_name_back(a, db, run->n, &before)
				 : give_name(a, db, run->n, &before);
		text_mend_end(a->words);
	}
	free(before.name);
	return result;
}

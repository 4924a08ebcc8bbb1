/* Inside of amend: for amend*.c alone. */
#pragma once

#include <stdint.h>

#include "amend.h"

/* A run as far as it matters here. */
struct amended_run {
	int64_t n, attempt;
	char state[16];
	int64_t pending;   /* lines that W&B does not have */
	bool is_completed; /* W&B has them all, and its end; or is to have nothing */
};

/* 0, -ENOENT, or broken. */
int amend_find(sqlite3 *sql, const char *id, struct amended_run *ret);
/* A statement with its texts bound, from 1 on, and then the integers. */
int amend_prepare(sqlite3 *sql, const char *text, sqlite3_stmt **ret);
/* Runs it to its end, and ends it. */
int amend_run(sqlite3 *sql, sqlite3_stmt *st, int err);
/* A text that outlives the statement. */
void amend_bind(sqlite3_stmt *st, int at, const char *text);
/* Malloc'ed, or NULL. */
char *amend_compose(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* So much of a name or of tags fits a sentence. */
int amend_fit(const char *text);
/* In the transaction at hand. `text` is taken; NULL: memory is short. */
int amend_event(
	const struct amendment *a, struct db *db, int64_t run, const char *kind, char *text);

/* Each within the transaction at hand. */
int amend_name(struct amendment *a, struct db *db, const struct amended_run *run);
int amend_tags(struct amendment *a, struct db *db, const struct amended_run *run);
/* The one that is not about one run. */
int amend_alerts(struct amendment *a, struct db *db);

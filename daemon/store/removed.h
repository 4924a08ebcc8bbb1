/* What retention has taken, in words: of a run that is still there, and runs that are gone. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "viewer.h"

#define REMOVED_WORDS_MAX 256

struct removed { /* borrowed until the next one */
	const char *what;
	int64_t step_last, n_rows;
	double time_last, removed; /* seconds since 1970 */
	const char *why;
	char words[REMOVED_WORDS_MAX];
};

/* Calls `each` for all that is gone of a run, by its number: 0 or as in db.h. */
int removed_each(sqlite3 *sql, int64_t run, void (*each)(void *user, const struct removed *removed),
	void *user);

/* Whether there was a run of exactly this id that is gone, and what became of it: `r1 was removed on 2026-11-01 (runs = 365d)`.
 * Only a viewer who could have
 * seen it learns of it. Negative as in db.h. */
int removed_find(sqlite3 *sql, const char *id, const struct viewer *viewer, bool *ret_found,
	char ret_words[REMOVED_WORDS_MAX]);

/* Which run somebody means by a part of its id or name. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

#include "viewer.h"

#define RUN_MATCH_WORDS_MAX 256

/* A condition on runs_data r: the viewer may see it. run_match_bind binds what it asks for. */
#define RUN_VISIBLE "(:sees_all OR r.uid = :viewer OR NOT (r.private OR :all_private))"
void run_match_bind(sqlite3_stmt *st, const struct viewer *viewer);

enum run_match_result {
	RUN_MATCH_ONE = 0,
	RUN_MATCH_NOT_ONE /* words say whether none or several, and which */
};

/* Negative as in db.h. *ret_n is the run's number in runs_data. */
int run_match(sqlite3 *sql, const char *part, const struct viewer *viewer, int64_t *ret_n,
	char ret_words[RUN_MATCH_WORDS_MAX]);

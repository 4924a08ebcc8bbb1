/* Which run somebody means by a part of its id or name. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

#define RUN_MATCH_WORDS_MAX 256

/* A run marked private is its own user's, and root's: a condition on runs_data r, the reader's uid at :reader. */
#define RUN_VISIBLE "(r.private = 0 OR r.uid = :reader OR :reader = 0)"

enum run_match_result {
	RUN_MATCH_ONE = 0,
	RUN_MATCH_NOT_ONE /* words say whether none or several, and which */
};

/* Negative as in db.h. *ret_n is the run's number in runs_data. */
int run_match(sqlite3 *sql, const char *part, uint32_t reader_uid, int64_t *ret_n,
	char ret_words[RUN_MATCH_WORDS_MAX]);

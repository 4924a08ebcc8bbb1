/* What one database has, put into another: for one view of several hosts. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "viewer.h"

#define MERGE_WORDS_MAX 256u

struct merge_counts {
	int64_t added, replaced, kept; /* runs: new, newer than what was there, and there already */
};

/* Opens the database that is merged into, or begins one, and takes its lock; what is older is brought up to date. 0, or below
 * 0 with words: -EBUSY (a daemon has it), -EINVAL (not ours), -EPROTO (of a newer program), or the errno. */
int merge_open(const char *path, const char *version, sqlite3 **ret, int *ret_lock,
	char ret_words[MERGE_WORDS_MAX]);

/* All of it or nothing: every run of `from` that the viewer may see and that `into` has not, or has older, with all its rows,
 * under numbers of its own. Of `from` nothing is changed; both are of the current schema. 0, -EINTR (told to stop), or below 0 with words. */
int merge_from(sqlite3 *into, sqlite3 *from, const struct viewer *viewer, const atomic_bool *stop,
	struct merge_counts *ret, char ret_words[MERGE_WORDS_MAX]);

/* A copy of a database of an older schema, brought up to date, in a file without a name; *ret is closed by the caller. As above. */
int merge_update(sqlite3 *older, sqlite3 **ret, char ret_words[MERGE_WORDS_MAX]);

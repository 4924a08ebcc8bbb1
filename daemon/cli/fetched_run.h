/* A run as a daemon hands it out, page by page, in a database of this process's own: whatever reads databases reads it, and
 * cannot tell it from the daemon's. On disk, in a file without a name that goes with the process. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ask.h"

struct run_tables {
	const char *const *names; /* extract.h's; the first is the run's own, NULL ends them */
	/* Whether it is needed, of each but the first, when `sql` has all before it and the run that number there; NULL: all are. */
	bool (*is_needed)(sqlite3 *sql, int64_t run, const char *name);
};

/* Asks the daemon behind `socket_path` for the run and these tables of it. ASK_ANSWERED: *ret has all of them that are needed.
 * Else words as of ask_status; told to stop it has failed. */
enum ask_result fetched_run_open(const char *socket_path, const char *run_part,
	const struct run_tables *tables, const atomic_bool *stop, sqlite3 **ret,
	char ret_words[ASK_WORDS_MAX]);

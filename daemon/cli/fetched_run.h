/* A run as a daemon hands it out, page by page, in a database of this process's own: whatever reads databases reads it, and
 * cannot tell it from the daemon's. On disk, in a file without a name that goes with the process. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>

#include "ask.h"

/* Asks the daemon behind `socket_path` for the run and these tables of it; NULL ends them. ASK_ANSWERED: *ret has all of
 * them. Else words as of ask_status; told to stop it has failed. */
enum ask_result fetched_run_open(const char *socket_path, const char *run_part,
	const char *const *tables, const atomic_bool *stop, sqlite3 **ret,
	char ret_words[ASK_WORDS_MAX]);

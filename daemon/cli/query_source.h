/* Who answers a question in SQL: a file that can be read, or a daemon. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "query_output.h"
#include "source.h"

struct query_ask {
	const char *sql; /* not terminated */
	size_t len;
	uint32_t timeout_ms;
	const atomic_bool *stop;
};

/* The file that is named; the socket that is; else the database that nobody names, where it can be read; else the daemon that
 * nobody names. Hands the answer to `out`, but for its end. Returns an exit_status, and has said on stderr what stood in the way. */
int query_source_ask(
	const struct source *where, const struct query_ask *ask, struct query_output *out);

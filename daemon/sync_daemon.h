/* `sync` where a daemon has the database: it is asked to go on, and waited for. */
#pragma once

#include <stdbool.h>

struct sync_request {
	const char *socket;   /* NULL: $SAE_METRICS_SOCKET, else the user's, else the host's */
	const char *run_part; /* NULL: every run of this user's */
	const char *key;      /* handed over; NULL: none … */
	const char *base_url; /* … and whose it is */
	bool take_over;
	unsigned patience_s; /* without any progress */
};

/* An exit status (subcommand.h); EXIT_NO_ANSWER, and nothing said, when no daemon is there. */
int sync_through_daemon(const struct sync_request *request);

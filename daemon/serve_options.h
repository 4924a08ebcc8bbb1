/* What `serve` is told on its command line. Most of it sets what a file could. */
#pragma once

#include <limits.h>

#include "daemon.h"
#include "settings.h"

#define SERVE_FLAGS_MAX 128u /* more --set than there are keys */

struct serve_options {
	struct daemon_options daemon;
	struct settings_flag flags[SERVE_FLAGS_MAX];
	struct settings_options where;
	char folder[PATH_MAX]; /* of --backup-to, whole */
	bool help;
};

/* An exit_status: EXIT_OK, or EXIT_USAGE and said. `o` is zeroed; what it holds is borrowed from argv and from itself. */
int serve_read_options(int argc, char **argv, struct serve_options *o);

/* What `watch` is asked for, and whether there is a terminal to do it on. */
#pragma once

#include "read_options.h"
#include "run_filter.h"

struct watch_options {
	struct read_options read;
	struct run_filter filter;
};

/* Both return an exit_status, and have said what is wrong. */
int watch_options_parse(int argc, char **argv, struct watch_options *ret);
int watch_options_check_terminal(void);

/* What a table of runs is asked for: which runs, in which order, how many, and what of them. Says on stderr what is wrong with that. */
#pragma once

#include <getopt.h>

#include "read_options.h"
#include "run_filter.h"
#include "run_order.h"

#define RUN_CHOICE_COLUMNS_MAX 32u

enum run_choice_option { RUN_CHOICE_SORT = 1024, RUN_CHOICE_LIMIT };

/* Members of a command's `struct option` table; `-o COLUMNS` is a letter of its own. */
#define RUN_CHOICE_OPTIONS                                                                         \
	{"sort", required_argument, NULL, RUN_CHOICE_SORT},                                        \
		{"limit", required_argument, NULL, RUN_CHOICE_LIMIT}, RUN_FILTER_OPTIONS

struct run_choice {
	struct run_filter filter;
	struct run_order order;
	struct run_column columns[RUN_CHOICE_COLUMNS_MAX];
	size_t n_columns; /* 0: those that fit */
};

/* What getopt_long returned: one of these, with its value in optarg, else it is for read_options_take. Returns an
 * exit_status. */
int run_choice_take(struct run_choice *c, struct read_options *read, int option, const char *word);

/* Takes out of the document's runs what was not asked for, and puts the rest in order. Returns an exit_status. */
int run_choice_apply(const struct run_choice *c, const struct read_options *read, json_t *document);

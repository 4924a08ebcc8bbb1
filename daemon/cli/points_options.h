/* What `pareto`, `compare` and `stop --dominated` have in common: which points of which runs they are about, and on which axes. */
#pragma once

#include "pareto_axis.h"
#include "profile.h"
#include "read_options.h"
#include "run_filter.h"

struct points_options {
	struct read_options read;
	struct run_filter filter;
	uint64_t at_tokens; /* 0: the newest windows */
	double at_time;     /* also where each run stood then; 0: not asked for */
	bool trajectory;
	bool config;              /* of each run, also where neither --where nor --as needs it */
	const struct profile *as; /* NULL: each run's own definitions */
	const char **runs;        /* words that name runs, owned as a list; none: all */
	size_t n_runs;
	const char *x, *y, *x_better, *y_better; /* of --x and the like; x and y NULL: l0 and fvu */
};

enum {
	POINTS_OPTION_AT_TOKENS = 1024,
	POINTS_OPTION_AS,
	POINTS_OPTION_X,
	POINTS_OPTION_Y,
	POINTS_OPTION_X_BETTER,
	POINTS_OPTION_Y_BETTER
};

/* Members of a command's `struct option` table. */
#define POINTS_AXES_OPTIONS                                                                        \
	{"x", required_argument, NULL, POINTS_OPTION_X},                                           \
		{"y", required_argument, NULL, POINTS_OPTION_Y},                                   \
		{"x-better", required_argument, NULL, POINTS_OPTION_X_BETTER}, {                   \
		"y-better", required_argument, NULL, POINTS_OPTION_Y_BETTER                        \
	}

/* Members of a command's `struct option` table, its readers' and filters' ones with them. */
#define POINTS_OPTIONS                                                                             \
	{"at-tokens", required_argument, NULL, POINTS_OPTION_AT_TOKENS},                           \
		{"as", required_argument, NULL, POINTS_OPTION_AS}, RUN_FILTER_OPTIONS,             \
		READ_OPTIONS

/* As read_options_take. */
int points_options_take(struct points_options *o, int option, const char *word);
/* A word that is no option: a database behind --db, else a run. */
int points_options_take_word(struct points_options *o, const char *word);
/* The axes that were asked for, which are two different ones. Returns an exit_status, and has said what is wrong. */
int points_options_axes(
	const struct points_options *o, struct pareto_axis *ret_x, struct pareto_axis *ret_y);
/* Once the runs are known: a default that none of them has gives way (pareto_axis.h), and one that was asked for is an error. */
int points_options_settle_axes(const struct points_options *o, const json_t *document,
	struct pareto_axis *x, struct pareto_axis *y);
void points_options_finish(struct points_options *o);

/* The points document with the runs that were asked for alone, in the order in which they were named, and with the figures of
 * --as. Returns an exit_status, and has said what went wrong; with EXIT_FAILED there may be a document all the same, of the files
 * that could be read. */
int points_options_read(struct points_options *o, json_t **ret_document);

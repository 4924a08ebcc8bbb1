/* Which runs are shown: what `--project`, `--group`, `--user`, `--state`, `--tag`, `--where` and `--since` ask for. Pure, but
 * for the clock that is passed in. */
#pragma once

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "where.h"

#define RUN_FILTER_TERMS_MAX  32u
#define RUN_FILTER_WORDS_SIZE 256u

enum run_filter_option {
	RUN_FILTER_PROJECT = 768,
	RUN_FILTER_GROUP,
	RUN_FILTER_USER,
	RUN_FILTER_STATE,
	RUN_FILTER_TAG,
	RUN_FILTER_WHERE,
	RUN_FILTER_SINCE,
	RUN_FILTER_END
};

/* Members of a command's `struct option` table. */
#define RUN_FILTER_OPTIONS                                                                         \
	{"project", required_argument, NULL, RUN_FILTER_PROJECT},                                  \
		{"group", required_argument, NULL, RUN_FILTER_GROUP},                              \
		{"user", required_argument, NULL, RUN_FILTER_USER},                                \
		{"state", required_argument, NULL, RUN_FILTER_STATE},                              \
		{"tag", required_argument, NULL, RUN_FILTER_TAG},                                  \
		{"where", required_argument, NULL, RUN_FILTER_WHERE}, {                            \
		"since", required_argument, NULL, RUN_FILTER_SINCE                                 \
	}

/* For a command's usage. */
#define RUN_FILTER_USAGE                                                                           \
	"  --project P       only runs of this project; * stands for anything; given\n"            \
	"                    again, either will do\n"                                              \
	"  --group G         only of this group\n"                                                 \
	"  --user U          only of this user\n"                                                  \
	"  --tag T           only with this tag\n"                                                 \
	"  --state S[,S]     only running, stalled, finished, failed, crashed,\n"                  \
	"                    preempted or stopped ones\n"                                          \
	"  --where KEY=VALUE only where the config says so; also != < <= > >=\n"                   \
	"  --since WHEN      only seen since: 2h, 3d, 2026-11-23, '2026-11-23 16:02'\n"

struct run_filter_term {
	enum run_filter_option option;
	struct where where; /* of RUN_FILTER_WHERE */
	const char *value;  /* borrowed */
};

/* Zeroed it lets every run through. */
struct run_filter {
	struct run_filter_term terms[RUN_FILTER_TERMS_MAX];
	size_t n_terms;
	double since; /* seconds since 1970; 0: at any time */
};

/* Adds a term; `value` is borrowed. False: it is not understood, and words say what was expected. */
bool run_filter_add(struct run_filter *f, enum run_filter_option option, const char *value,
	double now, char ret_words[RUN_FILTER_WORDS_SIZE]);

/* Whether configs are looked at. */
bool run_filter_asks_config(const struct run_filter *f);

/* Whether a run of the status document, or of another with the same members, is one of these. Terms of one kind: either;
 * of several kinds, and every --where: all. */
bool run_filter_fits(const struct run_filter *f, const json_t *run);

/* Takes out of `runs` what does not fit. False: a key of --where is in no run's config, which words say (with those that
 * are); nothing fits then. */
bool run_filter_apply(
	const struct run_filter *f, json_t *runs, char ret_words[RUN_FILTER_WORDS_SIZE]);

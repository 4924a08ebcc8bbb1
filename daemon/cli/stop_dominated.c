#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "ask.h"
#include "dominated_json.h"
#include "message.h"
#include "pareto_axis.h"
#include "points_options.h"
#include "render_dominated.h"
#include "stop.h"
#include "subcommand.h"
#include "tell.h"

struct options {
	struct points_options points;
	const char *reason;
	bool dry_run, all_users;
};

/* ---- what was asked for ---- */

enum { OPTION_DOMINATED = 256, OPTION_DRY_RUN, OPTION_ALL_USERS, OPTION_REASON };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_DOMINATED:
		return EXIT_OK;
	case OPTION_DRY_RUN:
		o->dry_run = true;
		return EXIT_OK;
	case OPTION_ALL_USERS:
		o->all_users = true;
		return EXIT_OK;
	case OPTION_REASON:
		return stop_take_reason(optarg, &o->reason);
	case RUN_FILTER_STATE:
		return arguments_wrong("stop",
			"--dominated stops runs that are running or stalled, and compares "
			"them with finished ones: --state is not for it",
			"");
	default:
		return points_options_take(&o->points, option, word);
	}
}

static int take_word(const char *word, void *user) {
	(void)user;
	return arguments_wrong(
		"stop", "--dominated chooses the runs itself: it goes without ", word);
}

static int check(const struct options *o) {
	if (o->points.read.help) {
		return EXIT_OK;
	}
	if (o->points.at_tokens == 0) {
		return arguments_wrong("stop",
			"--dominated needs --at-tokens N, like 168M: a run that is "
			"compared before it has seen as much as others is stopped for nothing",
			"");
	}
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"dominated", no_argument, NULL, OPTION_DOMINATED},
		{"at-tokens", required_argument, NULL, POINTS_OPTION_AT_TOKENS},
		{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
		{"all-users", no_argument, NULL, OPTION_ALL_USERS},
		{"reason", required_argument, NULL, OPTION_REASON},
		POINTS_AXES_OPTIONS,
		{"socket", required_argument, NULL, READ_OPTION_SOCKET},
		{"color", required_argument, NULL, READ_OPTION_COLOR},
		{"json", no_argument, NULL, READ_OPTION_JSON},
		{"help", no_argument, NULL, 'h'},
		RUN_FILTER_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, o);

	return status == EXIT_OK ? check(o) : status;
}

static int make_query(const struct options *o, struct dominated_query *ret) {
	*ret = (struct dominated_query){
		.at_tokens = (double)o->points.at_tokens, .all_users = o->all_users};
	return points_options_axes(&o->points, &ret->x, &ret->y);
}

/* ---- telling them ---- */

struct answers {
	json_t *list; /* {"asked", "words"} */
	enum dominated_outcome *outcomes;
	int status;
};

static void tell_one(
	const struct options *o, const struct dominated *d, size_t i, struct answers *a) {
	const char *id = document_text(d->runs[i].place.run, "id");
	char of_its_own[QUERY_REASON_MAX + 1], words[ASK_WORDS_MAX];

	dominated_reason(d, &d->runs[i], of_its_own);
	const char *reason = o->reason ? o->reason : of_its_own;
	const struct msg_query query = {
		.what = text_of("stop", 4),
		.run = text_of(id, strlen(id)),
		.reason = text_of(reason, strlen(reason)),
	};
	bool asked = tell_quietly(o->points.read.source.socket, &query, words) == ASK_ANSWERED;
	a->outcomes[i] = asked ? DOMINATED_ASKED : DOMINATED_NOT_ASKED;
	(void)json_array_append_new(
		a->list, json_pack("{s:b, s:s}", "asked", asked, "words", words));
	if (!asked) {
		(void)tell_print(stderr, "sae-metricsd stop: %s", words);
		a->status = EXIT_FAILED;
	}
}

static int fail(int err) {
	fprintf(stderr, "sae-metricsd stop: %s\n", strerror(-err));
	return EXIT_FAILED;
}

/* Without --dry-run: one question a run. */
static int tell_all(const struct options *o, const struct dominated *d, struct answers *ret) {
	*ret = (struct answers){.status = EXIT_OK};
	if (o->dry_run) {
		return EXIT_OK;
	}
	ret->list = json_array();
	ret->outcomes = calloc(d->n + 1, sizeof(*ret->outcomes));
	if (!ret->list || !ret->outcomes) {
		return fail(-ENOMEM);
	}
	for (size_t i = 0; i < d->n; i++) {
		tell_one(o, d, i, ret);
	}
	return ret->status;
}

/* ---- what is printed ---- */

static void say_left(const struct options *o, const struct dominated *d) {
	struct page page;

	if (!o->points.read.json && read_options_begin_remarks(&o->points.read, &page)) {
		render_dominated_left(d, &page);
		read_options_end_remarks(&page);
	}
}

static int print_page(const struct options *o, const struct dominated *d, const struct answers *a) {
	struct page page;

	read_options_begin_page(&o->points.read, &page);
	render_dominated(d, a->outcomes, &page);
	int status = read_options_end_page(&o->points.read, &page);
	say_left(o, d);
	return status;
}

static int print_json(const struct options *o, const struct dominated *d, const struct answers *a) {
	json_t *document = dominated_json(d, a->list);
	int status = read_options_print_json(&o->points.read, document);

	json_decref(document);
	return status;
}

/* ---- from a question to its answer ---- */

static int stop_them(const struct options *o, const struct dominated *d) {
	struct answers answers;
	int told = tell_all(o, d, &answers);
	int status = o->points.read.json ? print_json(o, d, &answers) : print_page(o, d, &answers);

	json_decref(answers.list);
	free(answers.outcomes);
	return told == EXIT_OK ? status : told;
}

/* Files that stand in for a daemon that does not answer say who would be stopped; they stop nobody. */
static int check_source(const struct options *o) {
	if (o->dry_run || o->points.read.source.files.n == 0) {
		return EXIT_OK;
	}
	fprintf(stderr, "sae-metricsd stop: without a daemon nobody can be asked\n");
	return EXIT_NO_ANSWER;
}

static int choose(struct options *o, const struct dominated_query *query, const json_t *points) {
	json_t *now = NULL;
	struct dominated d;
	int status = pareto_axis_check("stop", &query->x, points);

	status = status == EXIT_OK ? pareto_axis_check("stop", &query->y, points) : status;
	status = status == EXIT_OK ? check_source(o) : status;
	status = status == EXIT_OK ? source_read(&o->points.read.source, &now) : status;
	int err = status == EXIT_OK ? dominated_make(points, now, query, &d) : 0;
	if (err < 0) {
		status = fail(err);
	} else if (status == EXIT_OK) {
		status = stop_them(o, &d);
		dominated_finish(&d);
	}
	json_decref(now);
	return status;
}

static int stop_chosen(struct options *o) {
	struct dominated_query query;
	json_t *points = NULL;
	int status = make_query(o, &query);

	status = status == EXIT_OK ? points_options_read(&o->points, &points) : status;
	status = status == EXIT_OK ? choose(o, &query, points) : status;
	json_decref(points);
	return status;
}

int stop_dominated(int argc, char **argv) {
	struct options o = {.points = {.read = {.command = "stop"}}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.points.read.help) {
		status = fputs(subcommand_stop.usage, stdout) >= 0 && fflush(stdout) == 0
				 ? EXIT_OK
				 : EXIT_FAILED;
	} else if (status == EXIT_OK) {
		status = stop_chosen(&o);
	}
	points_options_finish(&o.points);
	return status;
}

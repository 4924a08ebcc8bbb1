#include "points_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "count.h"
#include "points.h"
#include "restate_runs.h"
#include "run_part.h"
#include "subcommand.h"

/* ---- what is asked for ---- */

static int take_tokens(struct points_options *o, const char *word) {
	if (count_read(word, &o->at_tokens) < 0 || o->at_tokens == 0) {
		return read_options_wrong(
			&o->read, "--at-tokens: expected a count like 168M or 1.3G, not ", word);
	}
	return EXIT_OK;
}

static int take_profile(struct points_options *o, const char *word) {
	o->as = restate_profile(word);
	return o->as ? EXIT_OK
		     : read_options_wrong(&o->read,
			       "--as: expected prisma, saelens, saelens-legacy or native, not ",
			       word);
}

static int take_filter(struct points_options *o, int option, const char *word) {
	char words[RUN_FILTER_WORDS_SIZE];

	return run_filter_add(&o->filter, (enum run_filter_option)option, word, clock_wall(), words)
		       ? EXIT_OK
		       : read_options_wrong(&o->read, words, "");
}

int points_options_take(struct points_options *o, int option, const char *word) {
	if (option >= RUN_FILTER_PROJECT && option < RUN_FILTER_END) {
		return take_filter(o, option, optarg);
	}
	switch (option) {
	case POINTS_OPTION_AT_TOKENS:
		return take_tokens(o, optarg);
	case POINTS_OPTION_AS:
		return take_profile(o, optarg);
	case POINTS_OPTION_X:
		o->x = optarg;
		return EXIT_OK;
	case POINTS_OPTION_Y:
		o->y = optarg;
		return EXIT_OK;
	case POINTS_OPTION_X_BETTER:
		o->x_better = optarg;
		return EXIT_OK;
	case POINTS_OPTION_Y_BETTER:
		o->y_better = optarg;
		return EXIT_OK;
	default:
		return read_options_take(&o->read, option, word);
	}
}

static int no_memory(const struct points_options *o) {
	fprintf(stderr, "sae-metricsd %s: %s\n", o->read.command, strerror(ENOMEM));
	return EXIT_FAILED;
}

int points_options_take_word(struct points_options *o, const char *word) {
	bool is_database;
	int status = read_options_take_word(&o->read, word, &is_database);

	if (status != EXIT_OK || is_database) {
		return status;
	}
	const char **runs = reallocarray(o->runs, o->n_runs + 1, sizeof(*runs));
	if (!runs) {
		return no_memory(o);
	}
	o->runs = runs;
	o->runs[o->n_runs++] = word;
	return EXIT_OK;
}

int points_options_axes(
	const struct points_options *o, struct pareto_axis *ret_x, struct pareto_axis *ret_y) {
	const char *x = o->x ? o->x : "l0", *y = o->y ? o->y : "fvu";
	int status = pareto_axis_make(o->read.command, "x", x, o->x_better, ret_x);

	status = status == EXIT_OK ? pareto_axis_make(o->read.command, "y", y, o->y_better, ret_y)
				   : status;
	return status == EXIT_OK && strcmp(x, y) == 0
		       ? read_options_wrong(&o->read, "--x and --y are both ", x)
		       : status;
}

int points_options_settle_axes(const struct points_options *o, const json_t *document,
	struct pareto_axis *x, struct pareto_axis *y) {
	if (!o->y) {
		pareto_axis_stand_in(document, x, y);
	}
	int status = pareto_axis_check(o->read.command, x, document);

	return status == EXIT_OK ? pareto_axis_check(o->read.command, y, document) : status;
}

void points_options_finish(struct points_options *o) {
	free(o->runs);
	read_options_finish(&o->read);
}

/* ---- which of them ---- */

static int keep_named(const struct points_options *o, json_t *document) {
	char words[RUN_PART_WORDS_SIZE];
	int err = o->n_runs > 0 ? run_part_keep(document, o->runs, o->n_runs, words) : 0;

	if (err < 0) {
		fprintf(stderr, "sae-metricsd %s: %s\n", o->read.command, words);
	}
	return err == 0 ? EXIT_OK : err == -ESRCH ? EXIT_NO_SUCH_RUN : EXIT_FAILED;
}

static int keep_asked_for(const struct points_options *o, json_t *document) {
	char words[RUN_FILTER_WORDS_SIZE];

	if (!run_filter_apply(&o->filter, json_object_get(document, "runs"), words)) {
		fprintf(stderr, "sae-metricsd %s: %s\n", o->read.command, words);
		return EXIT_USAGE;
	}
	return keep_named(o, document);
}

int points_options_read(struct points_options *o, json_t **ret_document) {
	const struct points_query query = {
		.has_at_tokens = o->at_tokens > 0,
		.at_tokens = o->at_tokens,
		.has_at_time = o->at_time > 0,
		.at_time = o->at_time,
		.trajectory = o->trajectory,
		.without_config = !o->config && !o->as && !run_filter_asks_config(&o->filter),
	};
	json_t *document = NULL;
	int status = source_read_points(&o->read.source, &query, &document);

	if (!document || (status != EXIT_OK && status != EXIT_FAILED)) {
		json_decref(document);
		return status;
	}
	int kept = keep_asked_for(o, document);
	if (kept == EXIT_OK && o->as && restate_points(document, o->as) < 0) {
		kept = no_memory(o);
	}
	if (kept != EXIT_OK) {
		json_decref(document);
		return kept;
	}
	*ret_document = document;
	return status;
}

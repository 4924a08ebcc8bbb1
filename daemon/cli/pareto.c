#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "clock.h"
#include "pareto_axis.h"
#include "pareto_front.h"
#include "pareto_json.h"
#include "points_options.h"
#include "render_pareto.h"
#include "run_part.h"
#include "subcommand.h"
#include "when.h"

#define CHANGE_SINCE_S 86400.0 /* what is new since yesterday */

static int pareto_run(int argc, char **argv);

const struct subcommand subcommand_pareto = {
	.name = "pareto",
	.summary = "show which runs no other beats on both of two figures",
	.usage = "usage: sae-metricsd pareto [options] [RUN...]\n"
		 "\n"
		 "Places runs by two figures of their last complete sparsity window, and says\n"
		 "which are on the front, and by which run of it each other one is beaten.\n"
		 "RUN is any part of an id or a name that fits one run only; without any, all.\n"
		 "\n"
		 "  --x METRIC, --y METRIC   what counts: l0 and fvu (explained_variance where no\n"
		 "                    run has fvu); any figure of a window\n"
		 "  --x-better, --y-better lower|higher   of a figure of your own\n"
		 "  --at-tokens N     each run as it was after so many tokens: 168M, 1.3G\n"
		 "  --as PROFILE      all figures by one trainer's definitions: prisma, saelens,\n"
		 "                    saelens-legacy or native\n"
		 "  --ref X,Y         the reference point of the hypervolume\n"
		 "  --change-since WHEN   what is new on the front since then: 24h; 2h, 3d,\n"
		 "                    2026-11-23 or '2026-11-23 16:02'\n"
		 "  --trajectories    the way of each run to where it is\n"
		 "  --fail-if-dominated RUN   exit with 10 if this run is not on the front\n"
		 "  --no-plot         the table alone\n"
		 "  --no-headings     rows only\n"
		 "  --json            everything, as one JSON document\n"
		 "  --explain         what all this means, and nothing else\n" RUN_FILTER_USAGE
		 "  --db PATH         read database files (or folders of *.db), no daemon\n"
		 "  --socket PATH     ask the daemon behind this socket\n"
		 "  --output FILE     write into FILE, which is whole at any time\n"
		 "  --color WHEN      auto, always or never; auto heeds NO_COLOR and TERM=dumb\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "Into a pipe goes the table alone, with words instead of glyphs; warnings go to\n"
		 "stderr.\n"
		 "\n"
		 "exit status: 0 ok, 1 failed, 2 wrong usage, 3 neither daemon nor database,\n"
		 "             4 no such run or more than one, 10 see --fail-if-dominated\n",
	.run = pareto_run,
};

static const char explanation[] =
	"A run is compared by its last complete sparsity window: each figure is the mean\n"
	"over all steps of that window, not the last batch. Steps whose value was not\n"
	"finite are left out of the mean, and said. A run without such a window is not\n"
	"compared.\n"
	"\n"
	"A run dominates another when it is no worse on both axes and better on one.\n"
	"The runs that none dominates are the front: no other run is better than they are\n"
	"without being worse on the other axis. Equal runs are on it together. Of those\n"
	"on the front that dominate a run, the one named is the best on y, and so the\n"
	"nearest on x.\n"
	"\n"
	"Tokens are the rows that were folded in up to the end of that window. Runs that\n"
	"have seen more of them have an advantage: with --at-tokens each is taken at the\n"
	"end of its last complete window at or before so many. Nothing is interpolated.\n"
	"\n"
	"The hypervolume is how much of the plane the front dominates, up to a reference\n"
	"point: more is better, and only what has the same reference and the same axes\n"
	"can be compared. l0 and tokens are measured in decades. Without --ref the\n"
	"reference is what has learnt nothing (fvu 1, explained_variance 0), or else the\n"
	"next round number (1, 2 or 5 times a power of ten) that is worse than all runs\n"
	"shown; it may change when runs are added. Runs that are not better than it on\n"
	"both axes add nothing.\n"
	"\n"
	"fvu needs sums that not every trainer pushes. Where no run has it, and no --y is\n"
	"given, explained_variance stands in for it.\n"
	"\n"
	"What is new is told against the front of 24 hours ago, or of --change-since: of\n"
	"the same runs, each where its last complete window stood that had ended by then\n"
	"(with --at-tokens also at or before so many). A run that did not exist, or had\n"
	"no such window, was not on it: once it is on the front, it is new there. Both\n"
	"hypervolumes have one reference. Where no run had a window then, there is no\n"
	"change to tell of.\n"
	"\n"
	"Trainers mean different things by some names. --as computes them for all runs by\n"
	"one trainer's definitions, from the sums that were pushed; where these were not,\n"
	"it says so. l0 and fvu are the same for all.\n";

struct options {
	struct points_options points;
	struct render_pareto_options render;
	const char *reference, *dominated;
	bool explain;
};

/* ---- what was asked for ---- */

enum {
	OPTION_REF = 256,
	OPTION_CHANGE_SINCE,
	OPTION_TRAJECTORIES,
	OPTION_FAIL_IF_DOMINATED,
	OPTION_NO_PLOT,
	OPTION_NO_HEADINGS,
	OPTION_EXPLAIN
};

static int take_change_since(struct options *o, const char *word) {
	return when_read(word, clock_wall(), &o->points.at_time)
		       ? EXIT_OK
		       : read_options_wrong(&o->points.read,
				 "--change-since: expected " WHEN_EXPECTED ", not ", word);
}

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_REF:
		o->reference = optarg;
		return EXIT_OK;
	case OPTION_CHANGE_SINCE:
		return take_change_since(o, optarg);
	case OPTION_TRAJECTORIES:
		o->render.trajectories = o->points.trajectory = true;
		return EXIT_OK;
	case OPTION_FAIL_IF_DOMINATED:
		o->dominated = optarg;
		return EXIT_OK;
	case OPTION_NO_PLOT:
		o->render.no_plot = true;
		return EXIT_OK;
	case OPTION_NO_HEADINGS:
		o->render.no_headings = true;
		return EXIT_OK;
	case OPTION_EXPLAIN:
		o->explain = true;
		return EXIT_OK;
	default:
		return points_options_take(&o->points, option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;

	return points_options_take_word(&o->points, word);
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		POINTS_AXES_OPTIONS,
		{"ref", required_argument, NULL, OPTION_REF},
		{"change-since", required_argument, NULL, OPTION_CHANGE_SINCE},
		{"trajectories", no_argument, NULL, OPTION_TRAJECTORIES},
		{"fail-if-dominated", required_argument, NULL, OPTION_FAIL_IF_DOMINATED},
		{"no-plot", no_argument, NULL, OPTION_NO_PLOT},
		{"no-headings", no_argument, NULL, OPTION_NO_HEADINGS},
		{"explain", no_argument, NULL, OPTION_EXPLAIN},
		POINTS_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	return arguments_take(argc, argv, ":h", longs, take_option, take_word, o);
}

/* ---- the axes ---- */

static bool read_number(const char **text, char end, double *ret) {
	char *rest;

	*ret = strtod(*text, &rest);
	bool is_read = rest != *text && *rest == end && isfinite(*ret);
	*text = rest + 1;
	return is_read;
}

static int read_reference(const struct options *o, struct pareto_query *query) {
	const char *rest = o->reference;

	if (!o->reference) {
		return EXIT_OK;
	}
	query->has_reference = true;
	if (!read_number(&rest, ',', &query->reference.x) ||
		!read_number(&rest, '\0', &query->reference.y)) {
		return read_options_wrong(&o->points.read,
			"--ref: expected two numbers like 500,1, not ", o->reference);
	}
	const struct pareto_axis *axes[2] = {&query->x, &query->y};
	const double values[2] = {query->reference.x, query->reference.y};
	for (size_t i = 0; i < 2; i++) {
		if (axes[i]->metric.decades && values[i] <= 0) {
			fprintf(stderr,
				"sae-metricsd pareto: --ref: %s is measured in decades, and has to "
				"be above 0\n",
				axes[i]->metric.name);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

static int make_query(const struct options *o, struct pareto_query *ret) {
	*ret = (struct pareto_query){
		.at_tokens = (double)o->points.at_tokens,
		.since = o->points.at_time,
		.as = o->points.as ? o->points.as->name : NULL,
	};
	int status = points_options_axes(&o->points, &ret->x, &ret->y);

	return status == EXIT_OK ? read_reference(o, ret) : status;
}

/* ---- what is printed ---- */

static int print_json(const struct options *o, const struct pareto *p) {
	json_t *document = pareto_json(p, o->render.trajectories);
	int status = read_options_print_json(&o->points.read, document);

	json_decref(document);
	return status;
}

static int print_page(const struct options *o, const struct pareto *p) {
	struct page page;

	read_options_begin_page(&o->points.read, &page);
	render_pareto(p, &o->render, &page);
	return read_options_end_page(&o->points.read, &page);
}

static void say_warnings(const struct options *o, const struct pareto *p) {
	struct page page;

	if (read_options_begin_remarks(&o->points.read, &page)) {
		render_pareto_warnings(p, &page);
		read_options_end_remarks(&page);
	}
}

/* ---- --fail-if-dominated ---- */

static int judge_one(const struct options *o, const json_t *document, const struct pareto *p) {
	const json_t *runs = document_at(document, "runs");
	char words[RUN_PART_WORDS_SIZE];
	size_t at = o->dominated ? run_part_find(runs, o->dominated, words) : 0;

	if (!o->dominated) {
		return EXIT_OK;
	}
	if (at == RUN_PART_NONE) {
		fprintf(stderr, "sae-metricsd pareto: --fail-if-dominated: %s\n", words);
		return EXIT_NO_SUCH_RUN;
	}
	const json_t *run = json_array_get(runs, at);
	for (size_t i = 0; i < p->n; i++) {
		if (p->runs[i].run == run) {
			return p->runs[i].on_front ? EXIT_OK : EXIT_NEEDS_ATTENTION;
		}
	}
	fprintf(stderr, "sae-metricsd pareto: --fail-if-dominated: %s cannot be compared\n",
		document_text(run, "id"));
	return EXIT_FAILED;
}

static int pareto_show(struct options *o) {
	struct pareto_query query;
	struct pareto p;
	json_t *document = NULL;
	int status = make_query(o, &query);

	status = status == EXIT_OK ? points_options_read(&o->points, &document) : status;
	if (!document) {
		return status;
	}
	int shown = points_options_settle_axes(&o->points, document, &query.x, &query.y);
	int err = shown == EXIT_OK ? pareto_make(document, &query, &p) : 0;
	if (err < 0) {
		fprintf(stderr, "sae-metricsd pareto: %s\n", strerror(-err));
		shown = EXIT_FAILED;
	} else if (shown == EXIT_OK) {
		shown = o->points.read.json ? print_json(o, &p) : print_page(o, &p);
		say_warnings(o, &p);
		shown = shown == EXIT_OK ? judge_one(o, document, &p) : shown;
		pareto_finish(&p);
	}
	json_decref(document);
	return shown == EXIT_OK ? status : shown;
}

static int pareto_run(int argc, char **argv) {
	struct options o = {.points = {.read = {.command = "pareto"},
				    .at_time = clock_wall() - CHANGE_SINCE_S}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.points.read.help) {
		fputs(subcommand_pareto.usage, stdout);
	} else if (status == EXIT_OK && o.explain) {
		fputs(explanation, stdout);
	} else if (status == EXIT_OK) {
		status = pareto_show(&o);
	}
	points_options_finish(&o.points);
	return status;
}

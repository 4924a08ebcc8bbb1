#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "compare_json.h"
#include "comparison.h"
#include "density_read.h"
#include "pareto_axis.h"
#include "points_options.h"
#include "render_compare.h"
#include "subcommand.h"

static int compare_run(int argc, char **argv);

const struct subcommand subcommand_compare = {
	.name = "compare",
	.summary = "show a few runs side by side, at equal tokens",
	.usage = "usage: sae-metricsd compare [options] RUN RUN...\n"
		 "\n"
		 "Shows what differs between two to six runs: their configs, their figures at\n"
		 "equal tokens, their feature densities, and which dominates which. RUN is any\n"
		 "part of an id or a name that fits one run only.\n"
		 "\n"
		 "  --at-tokens N     after so many tokens: 168M, 1.3G; else the most that all of\n"
		 "                    them have a complete window at\n"
		 "  --as PROFILE      all figures by one trainer's definitions: prisma, saelens,\n"
		 "                    saelens-legacy or native\n"
		 "  --x METRIC, --y METRIC   by what one may dominate another: l0 and fvu\n"
		 "  --x-better, --y-better lower|higher   of a figure of your own\n"
		 "  --all             also what is the same in their configs\n"
		 "  --no-plot         without the densities\n"
		 "  --json            everything, as one JSON document\n" RUN_FILTER_USAGE
		 "  --db PATH         read database files (or folders of *.db), no daemon\n"
		 "  --socket PATH     ask the daemon behind this socket\n"
		 "  --output FILE     write into FILE, which is whole at any time\n"
		 "  --color WHEN      auto, always or never; auto heeds NO_COLOR and TERM=dumb\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "exit status: 0 ok, 1 failed, 2 wrong usage, 3 neither daemon nor database,\n"
		 "             4 no such run or more than one\n",
	.run = compare_run,
};

struct options {
	struct points_options points;
	struct render_compare_options render;
};

/* ---- what was asked for ---- */

enum { OPTION_ALL = 256, OPTION_NO_PLOT };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_ALL:
		o->render.all = true;
		return EXIT_OK;
	case OPTION_NO_PLOT:
		o->render.no_plot = true;
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
		{"all", no_argument, NULL, OPTION_ALL},
		{"no-plot", no_argument, NULL, OPTION_NO_PLOT},
		POINTS_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	return arguments_take(argc, argv, ":h", longs, take_option, take_word, o);
}

static int make_query(const struct options *o, struct comparison_query *ret) {
	*ret = (struct comparison_query){
		.at_tokens = (double)o->points.at_tokens,
		.as = o->points.as ? o->points.as->name : NULL,
	};
	return points_options_axes(&o->points, &ret->x, &ret->y);
}

/* Of the runs that were named, or that --project and the like let through. */
static int check_number(const struct options *o, const json_t *document) {
	size_t n = json_array_size(document_at(document, "runs"));

	if (n >= 2 && n <= COMPARED_MAX) {
		return EXIT_OK;
	}
	fprintf(stderr,
		"sae-metricsd compare: expected two to %u runs, not %zu; name them, or see "
		"`sae-metricsd %s`\n",
		COMPARED_MAX, n, n > COMPARED_MAX ? "pareto" : "status");
	return o->points.n_runs > 0 && n < 2 ? EXIT_NO_SUCH_RUN : EXIT_USAGE;
}

/* Runs that lack a figure which nobody named have enough else to be compared by. */
static int settle_axes(
	const struct options *o, const json_t *document, struct comparison_query *query) {
	if (o->points.x || o->points.y) {
		return points_options_settle_axes(&o->points, document, &query->x, &query->y);
	}
	pareto_axis_stand_in(document, &query->x, &query->y);
	return EXIT_OK;
}

static bool is_at(const json_t *document, double tokens) {
	const json_t *runs = document_at(document, "runs");
	bool is = true;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		is = is && document_count(json_array_get(runs, i), "point.tokens") <= tokens;
	}
	return is;
}

/* Asked again at the tokens of the least far run. With their trajectories it would be one question, but all runs of a host
 * together may have more of those than a daemon answers. */
static int read_at_equal_tokens(
	struct options *o, struct comparison_query *query, json_t **document) {
	if (query->at_tokens > 0) {
		return EXIT_OK;
	}
	query->at_tokens = comparison_common_tokens(*document);
	query->is_common = true;
	if (is_at(*document, query->at_tokens)) {
		return EXIT_OK;
	}
	json_decref(*document);
	*document = NULL;
	o->points.at_tokens = (uint64_t)query->at_tokens;
	o->points.read.source.is_read_again = true;
	return points_options_read(&o->points, document);
}

/* ---- what is printed ---- */

static void read_densities(struct options *o, struct comparison *c) {
	for (size_t i = 0; i < c->n; i++) {
		double step_last;
		if (document_number(c->runs[i].point, "step_last", &step_last)) {
			c->runs[i].density = density_read("compare", &o->points.read.source,
				c->runs[i].run, (int64_t)step_last);
		}
	}
}

static int print_json(const struct options *o, const struct comparison *c) {
	json_t *document = compare_json(c, o->render.all);
	int status = read_options_print_json(&o->points.read, document);

	json_decref(document);
	return status;
}

static int print_page(const struct options *o, const struct comparison *c) {
	struct page page;

	read_options_begin_page(&o->points.read, &page);
	render_compare(c, &o->render, &page);
	return read_options_end_page(&o->points.read, &page);
}

static void say_warnings(const struct options *o, const struct comparison *c) {
	struct page page;

	if (read_options_begin_remarks(&o->points.read, &page)) {
		render_compare_warnings(c, &page);
		read_options_end_remarks(&page);
	}
}

static int print_comparison(
	struct options *o, const struct comparison_query *query, const json_t *document) {
	struct comparison c;
	int err = comparison_make(document, query, &c);

	if (err < 0) {
		fprintf(stderr, "sae-metricsd compare: %s\n", strerror(-err));
		return EXIT_FAILED;
	}
	if (o->points.read.json ||
		(!o->render.no_plot && read_options_look(&o->points.read).screen)) {
		read_densities(o, &c);
	}
	int status = o->points.read.json ? print_json(o, &c) : print_page(o, &c);
	say_warnings(o, &c);
	comparison_finish(&c);
	return status;
}

static int compare_show(struct options *o) {
	struct comparison_query query;
	json_t *document = NULL;
	int status = make_query(o, &query);

	status = status == EXIT_OK ? points_options_read(&o->points, &document) : status;
	if (!document) {
		return status;
	}
	int shown = check_number(o, document);
	shown = shown == EXIT_OK ? settle_axes(o, document, &query) : shown;
	shown = shown == EXIT_OK ? read_at_equal_tokens(o, &query, &document) : shown;
	if (document && (shown == EXIT_OK || shown == EXIT_FAILED)) {
		shown = print_comparison(o, &query, document);
	}
	json_decref(document);
	return shown == EXIT_OK ? status : shown;
}

static int compare_run(int argc, char **argv) {
	struct options o = {.points = {.read = {.command = "compare"}, .config = true}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.points.read.help) {
		fputs(subcommand_compare.usage, stdout);
	} else if (status == EXIT_OK) {
		status = compare_show(&o);
	}
	points_options_finish(&o.points);
	return status;
}

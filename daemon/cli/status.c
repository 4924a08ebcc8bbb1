#include <getopt.h>
#include <stdio.h>

#include "arguments.h"
#include "attention.h"
#include "clock.h"
#include "document.h"
#include "json_write.h"
#include "openmetrics.h"
#include "read_options.h"
#include "render.h"
#include "restate_runs.h"
#include "restated_run.h"
#include "run_choice.h"
#include "run_ids.h"
#include "subcommand.h"

static int status_run(int argc, char **argv);

const struct subcommand subcommand_status = {
	.name = "status",
	.summary = "show the runs, or one in full",
	.usage =
		"usage: sae-metricsd status [options] [RUN]\n"
		"\n"
		"Shows all runs in a table, or one with its curves and its feature density.\n"
		"RUN is any part of an id or a name that fits one run only.\n"
		"\n"
		"  --db PATH         read database files (or folders of *.db), no daemon\n"
		"  --socket PATH     ask the daemon behind this socket\n"
		"  -o COL[,COL]      only these columns, in this order: headings, or names of\n"
		"                    values: fvu, below_1e-5, group, config.lr\n"
		"  --sort COL        in the order of a column or value; -COL the other way\n"
		"                    round, what is not known last\n"
		"  --limit N         only the first N; without --sort the N seen last\n"
		"  --as PROFILE      with RUN: its figures by the definitions of prisma, saelens,\n"
		"                    saelens-legacy or native, beside its own\n"
		"  --no-headings     rows only\n"
		"  --json            everything, as one JSON document (with RUN: the run)\n"
		"  --jsonl           the same, a run a line\n"
		"  --openmetrics     all of it as metrics, for the textfile collector of\n"
		"                    node_exporter; without runs that have been over for an hour\n"
		"  --all             with --openmetrics: these, too\n"
		"  --output FILE     write into FILE, which is whole at any time\n"
		"  --ids             ids of the newest runs and, behind a tab, what they are\n"
		"  --check           exit with 10 if a run shown stalled, failed, crashed or has\n"
		"                    an alert, or the daemon is in trouble (said on stderr):\n"
		"                    for cron, a Slurm epilog, Nagios\n"
		"  --color WHEN      auto, always or never; auto heeds NO_COLOR and "
		"TERM=dumb\n" RUN_FILTER_USAGE "  -h, --help        this text\n"
		"\n"
		"Into a pipe go plain columns, all of them, with words instead of glyphs.\n"
		"\n"
		"exit status: 0 ok, 1 failed, 2 wrong usage, 3 neither daemon nor database,\n"
		"             4 no such run or more than one, 10 see --check\n",
	.run = status_run,
};

enum output { OUTPUT_SCREEN = 0, OUTPUT_JSONL, OUTPUT_OPENMETRICS, OUTPUT_IDS };

struct options {
	struct read_options read;
	struct run_choice choice;
	enum output output; /* but for --json */
	bool no_headings, check, all;
	const struct profile *as; /* NULL: its own */
};

/* ---- what was asked for ---- */

enum {
	OPTION_JSONL = 256,
	OPTION_OPENMETRICS,
	OPTION_ALL,
	OPTION_IDS,
	OPTION_CHECK,
	OPTION_NO_HEADINGS,
	OPTION_AS
};

static int parse_profile(const char *word, struct options *o) {
	o->as = restate_profile(word);
	return o->as ? EXIT_OK
		     : read_options_wrong(&o->read,
			       "--as: expected prisma, saelens, saelens-legacy or native, not ",
			       word);
}

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_JSONL:
		o->output = OUTPUT_JSONL;
		return EXIT_OK;
	case OPTION_OPENMETRICS:
		o->output = OUTPUT_OPENMETRICS;
		return EXIT_OK;
	case OPTION_ALL:
		o->all = true;
		return EXIT_OK;
	case OPTION_IDS:
		o->output = OUTPUT_IDS;
		return EXIT_OK;
	case OPTION_CHECK:
		o->check = true;
		return EXIT_OK;
	case OPTION_NO_HEADINGS:
		o->no_headings = true;
		return EXIT_OK;
	case OPTION_AS:
		return parse_profile(optarg, o);
	default:
		return run_choice_take(&o->choice, &o->read, option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;

	return read_options_take_run(&o->read, word);
}

/* What one may ask of runs as they are. Of one that is restated nothing would come of it, not even of --check. */
static bool asks_of_runs(const struct options *o) {
	const struct run_choice *c = &o->choice;

	return o->check || o->no_headings || o->output != OUTPUT_SCREEN || c->n_columns > 0 ||
	       c->order.by_column || c->order.limit > 0 || c->filter.n_terms > 0 ||
	       c->filter.since > 0;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"jsonl", no_argument, NULL, OPTION_JSONL},
		{"openmetrics", no_argument, NULL, OPTION_OPENMETRICS},
		{"all", no_argument, NULL, OPTION_ALL},
		{"ids", no_argument, NULL, OPTION_IDS},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"no-headings", no_argument, NULL, OPTION_NO_HEADINGS},
		{"as", required_argument, NULL, OPTION_AS},
		RUN_CHOICE_OPTIONS,
		READ_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":o:h", longs, take_option, take_word, o);

	if (status == EXIT_OK && o->all && o->output != OUTPUT_OPENMETRICS && !o->read.help) {
		return read_options_wrong(&o->read, "--all goes with --openmetrics", "");
	}
	if (status == EXIT_OK && o->as && !o->read.source.run_part && !o->read.help) {
		return read_options_wrong(&o->read, "--as wants a RUN; of many, see pareto", "");
	}
	if (status == EXIT_OK && o->as && asks_of_runs(o) && !o->read.help) {
		return read_options_wrong(&o->read,
			"--as goes with --json, --output and --color; not with --check, --jsonl, "
			"--openmetrics, or what is for a table",
			"");
	}
	return status;
}

/* ---- what is printed ---- */

static int print_json(const struct options *o, json_t *document) {
	json_t *run = json_array_get(json_object_get(document, "runs"), 0);

	return read_options_print_json(&o->read, o->read.source.run_part && run ? run : document);
}

static int print_jsonl(const struct options *o, json_t *document) {
	struct buf out = {0};
	int err = 0;
	json_t *run;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run) {
		err = err == 0 ? json_write(&out, run, JSON_ONE_LINE) : err;
		err = err == 0 ? buf_append(&out, "\n", 1) : err;
	}
	int status = err == 0 ? read_options_print(&o->read, (const char *)out.data, out.len)
			      : EXIT_FAILED;
	buf_finish(&out);
	return status;
}

/* `document` NULL: nobody answered, and whoever watches is to see that. */
static int print_openmetrics(const struct options *o, const json_t *document, bool of_files) {
	const struct openmetrics_options options = {
		.now_s = clock_wall(),
		.all = o->all || o->read.source.run_part != NULL,
		.of_files = of_files,
	};
	struct buf out = {0};
	int status = openmetrics_write(&out, document, &options) == 0
			     ? read_options_print(&o->read, (const char *)out.data, out.len)
			     : EXIT_FAILED;

	buf_finish(&out);
	return status;
}

static int print_screen(const struct options *o, const json_t *document, size_t n_all) {
	const json_t *shown = document_at(document, "runs");
	const struct render_runs_options runs = {
		.no_headings = o->no_headings,
		.in_given_order = o->choice.order.by_column,
		.n_all = json_array_size(shown) < n_all ? n_all : 0,
		.n_columns = o->choice.n_columns,
		.columns = o->choice.columns,
	};
	struct page page;

	read_options_begin_page(&o->read, &page);
	if (o->read.source.run_part && o->choice.n_columns == 0) {
		render_run(document, json_array_get(shown, 0), &page);
	} else {
		render_runs(document, &runs, &page);
	}
	return read_options_end_page(&o->read, &page);
}

static int print_document(const struct options *o, json_t *document, size_t n_all, bool of_files) {
	if (o->read.json) {
		return print_json(o, document);
	}
	switch (o->output) {
	case OUTPUT_JSONL:
		return print_jsonl(o, document);
	case OUTPUT_OPENMETRICS:
		return print_openmetrics(o, document, of_files);
	default:
		return print_screen(o, document, n_all);
	}
}

/* One that was named is all there is to show: where the options rule it out, that is no empty table. */
static int choose(const struct options *o, json_t *document) {
	const char *part = o->read.source.run_part;
	int status = run_choice_apply(&o->choice, &o->read, document);

	if (status != EXIT_OK || !part || json_array_size(document_at(document, "runs")) > 0) {
		return status;
	}
	fprintf(stderr, "sae-metricsd status: '%s' is a run, but none that the options ask for\n",
		part);
	return EXIT_NO_SUCH_RUN;
}

static int status_show(struct options *o) {
	bool of_files = o->read.source.files.n > 0;
	json_t *document = NULL;
	int status = source_read(&o->read.source, &document);
	int printed = EXIT_OK;

	/* Some files could not be read (EXIT_FAILED): the others are shown all the same. */
	if (document && (status == EXIT_OK || status == EXIT_FAILED)) {
		size_t n_all = json_array_size(json_object_get(document, "runs"));
		printed = choose(o, document);
		printed =
			printed == EXIT_OK ? print_document(o, document, n_all, of_files) : printed;
	} else if (status == EXIT_NO_ANSWER && o->output == OUTPUT_OPENMETRICS && !of_files) {
		printed = print_openmetrics(o, NULL, false);
	}
	status = printed == EXIT_OK ? status : printed;
	if (status == EXIT_OK && o->check && attention_is_needed(document)) {
		status = EXIT_NEEDS_ATTENTION;
	}
	json_decref(document);
	return status;
}

static int status_run(int argc, char **argv) {
	struct options o = {.read = {.command = "status"}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.read.help) {
		fputs(subcommand_status.usage, stdout);
	} else if (status == EXIT_OK && o.output == OUTPUT_IDS) {
		status = run_ids_print(&o.read.source);
	} else if (status == EXIT_OK && o.as) {
		status = restated_run_print(&o.read, o.as);
	} else if (status == EXIT_OK) {
		status = status_show(&o);
	}
	read_options_finish(&o.read);
	return status;
}

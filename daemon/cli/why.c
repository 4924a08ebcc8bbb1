#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "interrupt.h"
#include "read_options.h"
#include "render_why.h"
#include "run_source.h"
#include "subcommand.h"
#include "why_document.h"
#include "why_find.h"

static int why_run(int argc, char **argv);

const struct subcommand subcommand_why = {
	.name = "why",
	.summary = "show where a run first went wrong",
	.usage = "usage: sae-metricsd why [options] RUN\n"
		 "\n"
		 "Looks through all steps and windows of a run for the first that are not as\n"
		 "usual: a loss or a gradient's norm that is not finite or leaps, steps that are\n"
		 "missing, many features that die at once, a bad end. Shows what was seen in its\n"
		 "order, and the steps around the first of it, one by one. What it says are\n"
		 "observations; it does not guess at causes. RUN is any part of an id or a name\n"
		 "that fits one run only.\n"
		 "\n"
		 "  --at STEP         look there, whatever was seen\n"
		 "  --steps N         show so many steps: 12\n"
		 "  --db PATH         read database files (or folders of *.db), no daemon\n"
		 "  --socket PATH     ask the daemon behind this socket, and read no database\n"
		 "  --json            everything, as one JSON document\n"
		 "  --output FILE     write into FILE, which is whole at any time\n"
		 "  --color WHEN      auto, always or never\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "exit status: 0 ok, also where nothing stands out, 1 failed, 2 wrong usage,\n"
		 "             3 neither daemon nor database, 4 no such run or more than one\n",
	.run = why_run,
};

#define STEPS_DEFAULT 12u
#define STEPS_MAX     10000u /* more are what export is for */

struct options {
	struct read_options read;
	struct why_query query;
};

enum { OPTION_AT = 256, OPTION_STEPS };

static bool read_count(const char *word, unsigned long max, unsigned long *ret) {
	char *end;

	errno = 0;
	*ret = strtoul(word, &end, 10);
	return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0 && *ret <= max;
}

static int take_option(int option, const char *word, void *user) {
	struct options *o = user;
	unsigned long count = 0;

	switch (option) {
	case OPTION_AT:
		o->query.has_at = true;
		if (!read_count(optarg, UINT_MAX, &count)) {
			return read_options_wrong(&o->read, "--at is a step, not ", optarg);
		}
		o->query.at = (int64_t)count;
		return EXIT_OK;
	case OPTION_STEPS:
		if (!read_count(optarg, STEPS_MAX, &count) || count == 0) {
			return read_options_wrong(
				&o->read, "--steps is 1 to 10000 steps, not ", optarg);
		}
		o->query.n_steps = (unsigned)count;
		return EXIT_OK;
	default:
		return read_options_take(&o->read, option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;

	return read_options_take_run(&o->read, word);
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"at", required_argument, NULL, OPTION_AT},
		{"steps", required_argument, NULL, OPTION_STEPS},
		READ_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, o);

	if (status == EXIT_OK && !o->read.help && !o->read.source.run_part) {
		return read_options_wrong(&o->read, "which RUN?", "");
	}
	return status;
}

static int print_document(const struct options *o, const json_t *document) {
	struct page page;

	if (o->read.json) {
		return read_options_print_json(&o->read, document);
	}
	read_options_begin_page(&o->read, &page);
	render_why(document, &page);
	return read_options_end_page(&o->read, &page);
}

/* A long run's history is as long again as its steps: it is asked for the gradient's norm alone, where that is not with these. */
static bool is_needed(sqlite3 *sql, int64_t run, const char *table) {
	return strcmp(table, "gradient_norms") != 0 || !why_has_gradient(sql, run);
}

static int why_show(struct options *o) {
	static const char *const tables[] = {"runs_data", "runs_about", "attempts_data",
		"steps_data", "windows_data", "deaths_data", "events_data", "marks_data",
		"removed_data", "gradient_norms", NULL};
	const struct run_source source = {
		.command = o->read.command,
		.where = &o->read.source,
		.tables = {.names = tables, .is_needed = is_needed},
		.stop = interrupt_watch(),
	};
	sqlite3 *sql = NULL;
	json_t *document = NULL;
	int status = run_source_open(&source, &sql, &o->query.run);

	if (status == EXIT_OK && why_document(sql, &o->query, &document) < 0) {
		fprintf(stderr, "sae-metricsd why: the database cannot be read: %s\n",
			sqlite3_errmsg(sql));
		status = EXIT_FAILED;
	}
	if (status == EXIT_OK && o->query.has_at &&
		json_is_null(json_object_get(document, "moment"))) {
		fprintf(stderr, "sae-metricsd why: the run has no step %lld, nor any behind it\n",
			(long long)o->query.at);
		status = EXIT_FAILED;
	}
	status = status == EXIT_OK ? print_document(o, document) : status;
	json_decref(document);
	(void)sqlite3_close(sql);
	interrupt_heed();
	return status;
}

static int why_run(int argc, char **argv) {
	struct options o = {.read = {.command = "why"}, .query = {.n_steps = STEPS_DEFAULT}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.read.help) {
		fputs(subcommand_why.usage, stdout);
	} else if (status == EXIT_OK) {
		status = why_show(&o);
	}
	read_options_finish(&o.read);
	return status;
}

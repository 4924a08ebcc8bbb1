#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "bounds.h"
#include "duration.h"
#include "interrupt.h"
#include "output_file.h"
#include "query_source.h"
#include "read_options.h"
#include "subcommand.h"

static int query_run(int argc, char **argv);

const struct subcommand subcommand_query = {
	.name = "query",
	.summary = "ask in SQL",
	.usage =
		"usage: sae-metricsd query [options] SQL\n"
		"\n"
		"Answers one SELECT over the database's views: runs, steps, history, windows and\n"
		"the others of SCHEMA.md. SQL - reads it from stdin. The database is read where\n"
		"that is possible, with a daemon or without; else the daemon that has it answers,\n"
		"of the runs that one may see.\n"
		"\n"
		"  --json            {\"schema\":1,\"columns\":[...],\"rows\":[[...],...]}\n"
		"  --jsonl           a row a line, as an object\n"
		"  --csv             as `export --csv` has it\n"
		"  --output FILE     write into FILE, which appears whole\n"
		"  --timeout TIME    for so long it may take (10s; of a daemon at most 1m)\n"
		"  --db FILE         the database: the user's own, else the host's\n"
		"  --socket PATH     ask the daemon behind this socket, and read no database\n"
		"  --color WHEN      auto, always or never; auto heeds NO_COLOR and TERM=dumb\n"
		"  -h, --help        this text\n"
		"\n"
		"exit status: 0 answered, 1 failed or not permitted, 2 wrong usage,\n"
		"             3 no database and no daemon\n",
	.run = query_run,
};

#define TIMEOUT_MS 10000u

struct options {
	struct read_options read;
	struct query_ask ask;
	enum query_format format;
	char *own_sql; /* from stdin */
};

/* ---- what was asked for ---- */

enum { OPTION_JSONL = 256, OPTION_CSV, OPTION_TIMEOUT };

static int take_format(struct options *o, enum query_format format) {
	if (o->format != QUERY_TABLE) {
		return read_options_wrong(&o->read, "one of --json, --jsonl and --csv", "");
	}
	o->format = format;
	return EXIT_OK;
}

static int parse_timeout(const char *word, struct options *o) {
	int64_t ms = duration_read(word);

	if (ms < 1 || ms > (int64_t)UINT32_MAX / 2) {
		return read_options_wrong(
			&o->read, "--timeout is a time like 500ms, 10s or 2m, not ", word);
	}
	o->ask.timeout_ms = (uint32_t)ms;
	return EXIT_OK;
}

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case READ_OPTION_JSON:
		return take_format(o, QUERY_JSON);
	case OPTION_JSONL:
		return take_format(o, QUERY_JSONL);
	case OPTION_CSV:
		return take_format(o, QUERY_CSV);
	case OPTION_TIMEOUT:
		return parse_timeout(optarg, o);
	default:
		return read_options_take(&o->read, option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;

	if (o->ask.sql != NULL) {
		return read_options_wrong(&o->read, "one SQL, in quotes; what is ", word);
	}
	o->ask.sql = word;
	o->ask.len = strlen(word);
	return EXIT_OK;
}

static int check_options(const struct options *o) {
	if (o->read.help) {
		return EXIT_OK;
	}
	if (o->ask.sql == NULL) {
		return read_options_wrong(
			&o->read, "which SQL? such as \"SELECT id, step FROM runs\"", "");
	}
	if (o->read.source.files.n > 1) {
		return read_options_wrong(
			&o->read, "one database; `sae-metricsd import` makes one of several", "");
	}
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"jsonl", no_argument, NULL, OPTION_JSONL},
		{"csv", no_argument, NULL, OPTION_CSV},
		{"timeout", required_argument, NULL, OPTION_TIMEOUT},
		READ_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, o);

	return status == EXIT_OK ? check_options(o) : status;
}

/* ---- doing it ---- */

/* A byte more than it may have is enough to be told so. */
static int read_stdin(struct options *o) {
	char *text = malloc(QUERY_SQL_MAX + 1);

	if (text == NULL) {
		return EXIT_FAILED;
	}
	o->own_sql = text;
	o->ask.sql = text;
	o->ask.len = fread(text, 1, QUERY_SQL_MAX + 1, stdin);
	return EXIT_OK;
}

static int fail(const char *what, const char *which, int err) {
	fprintf(stderr, "sae-metricsd query: %s%s: %s\n", what, which, strerror(-err));
	return EXIT_FAILED;
}

static int answer(struct options *o) {
	struct output_file file = {0};
	struct query_output *out = calloc(1, sizeof *out);
	int err = out == NULL            ? -ENOMEM
		  : o->read.file != NULL ? output_file_begin(&file, o->read.file)
					 : 0;

	if (err < 0) {
		free(out);
		return fail("cannot write ", o->read.file != NULL ? o->read.file : "", err);
	}
	query_output_init(out, &o->read, o->format, file.stream != NULL ? file.stream : stdout);
	int status = query_source_ask(&o->read.source, &o->ask, out);
	err = status == EXIT_OK ? query_output_end(out) : 0;
	int ended = output_file_end(&file, status == EXIT_OK && err == 0);
	err = err < 0 ? err : ended;
	query_output_finish(out);
	free(out);
	return err < 0 ? fail("cannot write ", o->read.file != NULL ? o->read.file : "to stdout",
				 err)
		       : status;
}

static int query_it(struct options *o) {
	assert(o->ask.sql != NULL); /* check_options has seen it */
	int status = strcmp(o->ask.sql, "-") == 0 ? read_stdin(o) : EXIT_OK;

	if (status == EXIT_OK && o->ask.len > QUERY_SQL_MAX) {
		return read_options_wrong(&o->read, "the SQL is longer than 64 KiB", "");
	}
	o->ask.stop = interrupt_watch();
	status = status == EXIT_OK ? answer(o) : status;
	interrupt_heed();
	return status;
}

static int query_run(int argc, char **argv) {
	struct options o = {.read = {.command = "query"}, .ask = {.timeout_ms = TIMEOUT_MS}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.read.help) {
		fputs(subcommand_query.usage, stdout);
	} else if (status == EXIT_OK) {
		status = query_it(&o);
	}
	free(o.own_sql);
	read_options_finish(&o.read);
	return status;
}

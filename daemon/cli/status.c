#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attention.h"
#include "clock.h"
#include "document.h"
#include "json_write.h"
#include "openmetrics.h"
#include "output_file.h"
#include "render.h"
#include "run_ids.h"
#include "source.h"
#include "subcommand.h"
#include "terminal.h"

static int status_run(int argc, char **argv);

const struct subcommand subcommand_status = {
	.name = "status",
	.summary = "show the runs, or one in full",
	.usage = "usage: sae-metricsd status [options] [RUN]\n"
		 "\n"
		 "Shows all runs in a table, or one with its curves and its feature density.\n"
		 "RUN is any part of an id or a name that fits one run only.\n"
		 "\n"
		 "  --db PATH         read database files (or folders of *.db), no daemon; "
		 "repeatable\n"
		 "  --socket PATH     ask the daemon behind this socket\n"
		 "  -o COL[,COL]      only these columns, in this order\n"
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
		 "  --color WHEN      auto, always or never; auto heeds NO_COLOR and TERM=dumb\n"
		 "  -h, --help        this text\n"
		 "\n"
		 "Into a pipe go plain columns, all of them, with words instead of glyphs.\n"
		 "\n"
		 "exit status: 0 ok, 1 failed, 2 wrong usage, 3 neither daemon nor database,\n"
		 "             4 no such run or more than one, 10 see --check\n",
	.run = status_run,
};

#define COLUMNS_MAX 32u

enum output { OUTPUT_SCREEN = 0, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_OPENMETRICS, OUTPUT_IDS };

struct options {
	struct source source;
	enum output output;
	enum colour_choice colour;
	const char *file; /* NULL: stdout */
	bool no_headings, check, all, help;
	unsigned columns[COLUMNS_MAX];
	size_t n_columns;
};

/* ---- what was asked for ---- */

static int usage_error(const char *what, const char *which) {
	fprintf(stderr, "sae-metricsd status: %s%s; `sae-metricsd status --help` lists all\n", what,
		which);
	return EXIT_USAGE;
}

static int columns_error(const char *which) {
	const char *title;

	fprintf(stderr, "sae-metricsd status: no column '%s'; there are", which);
	for (unsigned i = 0; (title = render_column_title(i)) != NULL; i++) {
		if (title[0]) {
			fprintf(stderr, " %s", title);
		}
	}
	fputc('\n', stderr);
	return EXIT_USAGE;
}

/* `list` is taken apart. */
static int parse_columns(char *list, struct options *o) {
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		int column = render_column_find(name);
		if (column < 0) {
			return columns_error(name);
		}
		if (o->n_columns == COLUMNS_MAX) {
			return usage_error("too many columns", "");
		}
		o->columns[o->n_columns++] = (unsigned)column;
	}
	return o->n_columns > 0 ? EXIT_OK : usage_error("-o needs a column", "");
}

static int parse_database(const char *path, struct options *o) {
	int err = database_list_add(&o->source.files, path);

	if (err == 0) {
		return EXIT_OK;
	}
	fprintf(stderr, "sae-metricsd status: %s: %s\n", path,
		err == -ENOENT ? "no *.db in this folder" : strerror(-err));
	return EXIT_FAILED;
}

static int parse_colour(const char *word, struct options *o) {
	int colour = colour_choice_parse(word);

	if (colour < 0) {
		return usage_error("--color is auto, always or never, not ", word);
	}
	o->colour = (enum colour_choice)colour;
	return EXIT_OK;
}

enum {
	OPTION_DB = 256,
	OPTION_SOCKET,
	OPTION_JSON,
	OPTION_JSONL,
	OPTION_OPENMETRICS,
	OPTION_ALL,
	OPTION_OUTPUT,
	OPTION_IDS,
	OPTION_CHECK,
	OPTION_COLOR,
	OPTION_NO_HEADINGS
};

/* `word` is what getopt looked at. */
static int parse_option(int option, const char *word, struct options *o) {
	switch (option) {
	case OPTION_DB:
		return parse_database(optarg, o);
	case OPTION_SOCKET:
		o->source.socket = optarg;
		return EXIT_OK;
	case OPTION_JSON:
		o->output = OUTPUT_JSON;
		return EXIT_OK;
	case OPTION_JSONL:
		o->output = OUTPUT_JSONL;
		return EXIT_OK;
	case OPTION_OPENMETRICS:
		o->output = OUTPUT_OPENMETRICS;
		return EXIT_OK;
	case OPTION_ALL:
		o->all = true;
		return EXIT_OK;
	case OPTION_OUTPUT:
		o->file = optarg;
		return EXIT_OK;
	case OPTION_IDS:
		o->output = OUTPUT_IDS;
		return EXIT_OK;
	case OPTION_CHECK:
		o->check = true;
		return EXIT_OK;
	case OPTION_COLOR:
		return parse_colour(optarg, o);
	case OPTION_NO_HEADINGS:
		o->no_headings = true;
		return EXIT_OK;
	case 'o':
		return parse_columns(optarg, o);
	case 'h':
		o->help = true;
		return EXIT_OK;
	case ':':
		return usage_error("a value is missing behind ", word);
	default:
		return usage_error("there is no option ", word);
	}
}

/* Behind --db what is there is a database: a shell turns one pattern into many words. */
static int parse_word(const char *word, struct options *o) {
	if (o->source.files.n > 0 && access(word, F_OK) == 0) {
		return parse_database(word, o);
	}
	if (o->source.run_part) {
		return usage_error("one RUN at most; what is ", word);
	}
	o->source.run_part = word;
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"db", required_argument, NULL, OPTION_DB},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"json", no_argument, NULL, OPTION_JSON},
		{"jsonl", no_argument, NULL, OPTION_JSONL},
		{"openmetrics", no_argument, NULL, OPTION_OPENMETRICS},
		{"all", no_argument, NULL, OPTION_ALL},
		{"output", required_argument, NULL, OPTION_OUTPUT},
		{"ids", no_argument, NULL, OPTION_IDS},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"color", required_argument, NULL, OPTION_COLOR},
		{"no-headings", no_argument, NULL, OPTION_NO_HEADINGS},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, status = EXIT_OK;

	optind = 0; /* main may have used getopt before */
	opterr = 0;
	while (status == EXIT_OK && (option = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1) {
		status = parse_option(option, argv[optind - 1], o);
	}
	while (status == EXIT_OK && optind < argc) {
		status = parse_word(argv[optind++], o);
	}
	if (status == EXIT_OK && o->all && o->output != OUTPUT_OPENMETRICS && !o->help) {
		return usage_error("--all goes with --openmetrics", "");
	}
	return status;
}

/* ---- what is printed ---- */

static int print(const struct options *o, const char *text, size_t len) {
	int err = 0;

	if (o->file != NULL) {
		err = output_file_write(o->file, text, len);
	} else if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0) {
		err = -errno;
	}
	if (err < 0) {
		fprintf(stderr, "sae-metricsd status: cannot write%s%s: %s\n",
			o->file != NULL ? " " : "", o->file != NULL ? o->file : "", strerror(-err));
	}
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

static int print_json(const struct options *o, json_t *document) {
	json_t *runs = json_object_get(document, "runs");
	json_t *run = o->source.run_part ? json_array_get(runs, 0) : NULL;
	struct buf out = {0};
	int err = 0;

	if (o->output == OUTPUT_JSONL) {
		for (size_t i = 0; i < json_array_size(runs) && err == 0; i++) {
			err = json_write(&out, json_array_get(runs, i), JSON_ONE_LINE);
			err = err == 0 ? buf_append(&out, "\n", 1) : err;
		}
	} else {
		err = json_write(&out, run ? run : document, JSON_FOR_PEOPLE);
		err = err == 0 ? buf_append(&out, "\n", 1) : err;
	}
	int status = err == 0 ? print(o, (const char *)out.data, out.len) : EXIT_FAILED;
	buf_finish(&out);
	return status;
}

/* `document` NULL: nobody answered, and whoever watches is to see that. */
static int print_openmetrics(const struct options *o, const json_t *document, bool of_files) {
	const struct openmetrics_options options = {
		.now_s = clock_wall(),
		.all = o->all || o->source.run_part != NULL,
		.of_files = of_files,
	};
	struct buf out = {0};
	int status = openmetrics_write(&out, document, &options) == 0
			     ? print(o, (const char *)out.data, out.len)
			     : EXIT_FAILED;

	buf_finish(&out);
	return status;
}

static int print_screen(const struct options *o, const json_t *document) {
	const struct render_runs_options runs = {
		.no_headings = o->no_headings,
		.n_columns = o->n_columns,
		.columns = o->columns,
	};
	struct look look = terminal_look(STDOUT_FILENO, o->colour);
	struct page page;

	page_init(&page, &look);
	if (o->source.run_part && o->n_columns == 0) {
		render_run(document, json_array_get(document_at(document, "runs"), 0), &page);
	} else {
		render_runs(document, &runs, &page);
	}
	const char *text = page_text(&page);
	int status = text ? print(o, text, page.out.len) : EXIT_FAILED;
	page_finish(&page);
	return status;
}

static int status_show(struct options *o) {
	bool of_files = o->source.files.n > 0;
	json_t *document = NULL;
	int status = source_read(&o->source, &document);
	int printed = EXIT_OK;

	/* Some files could not be read (EXIT_FAILED): the others are shown all the same. */
	if (document && (status == EXIT_OK || status == EXIT_FAILED)) {
		printed = o->output == OUTPUT_OPENMETRICS ? print_openmetrics(o, document, of_files)
			  : o->output == OUTPUT_SCREEN    ? print_screen(o, document)
							  : print_json(o, document);
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
	struct options o = {0};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.help) {
		status = print(&(struct options){0}, subcommand_status.usage,
			strlen(subcommand_status.usage));
	} else if (status == EXIT_OK && o.output == OUTPUT_IDS) {
		status = run_ids_print(&o.source);
	} else if (status == EXIT_OK) {
		status = status_show(&o);
	}
	database_list_finish(&o.source.files);
	return status;
}

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "export_wandb.h"
#include "format.h"
#include "interrupt.h"
#include "read_options.h"
#include "removed.h"
#include "run_source.h"
#include "subcommand.h"

static int export_run(int argc, char **argv);

const struct subcommand subcommand_export = {
	.name = "export",
	.summary = "write a run as a file for `wandb sync`",
	.usage =
		"usage: sae-metricsd export [options] RUN --wandb DIR\n"
		"\n"
		"Writes what a run has logged as the official client of Weights & Biases would\n"
		"have without a network: DIR/offline-run-DATE_TIME-ID/run-ID.wandb, for\n"
		"`wandb sync`. RUN is any part of an id or a name that fits one run only. A "
		"folder\n"
		"that is there already is left alone. The database is read where that is "
		"possible,\n"
		"with a daemon or without; else the daemon that has it hands the run out.\n"
		"\n"
		"  --wandb DIR          where to; made where it is missing\n"
		"  --db FILE            the database: the user's own, else the host's\n"
		"  --socket PATH        ask the daemon behind this socket, and read no database\n"
		"  --no-extra-metrics   only what the run's own trainer would have logged\n"
		"  --x-axis AXIS        what W&B draws charts over: step (default) or tokens\n"
		"  --unfinished         also a run that goes on, as far as it has come\n"
		"  -h, --help           this text\n"
		"\n"
		"Steps only ever grow in W&B: where a run went back, what it logged again is left\n"
		"out. W&B takes a run once, so one that goes on is refused. What has no end to\n"
		"tell is written without one: W&B shows it as failed, with exit code 1.\n"
		"\n"
		"exit status: 0 written, 1 failed, 2 wrong usage, 3 no database and no daemon,\n"
		"             4 no such run or more than one\n",
	.run = export_run,
};

struct options {
	struct read_options read;
	struct export_wandb wandb;
	bool unfinished;
};

/* ---- what was asked for ---- */

enum { OPTION_WANDB = 256, OPTION_NO_EXTRA_METRICS, OPTION_X_AXIS, OPTION_UNFINISHED };

static int parse_x_axis(const char *word, struct options *o) {
	o->wandb.over_tokens = strcmp(word, "tokens") == 0;
	return o->wandb.over_tokens || strcmp(word, "step") == 0
		       ? EXIT_OK
		       : read_options_wrong(&o->read, "--x-axis is step or tokens, not ", word);
}

/* `word` is what getopt looked at. */
static int parse_option(int option, const char *word, struct options *o) {
	switch (option) {
	case OPTION_WANDB:
		o->wandb.folder = optarg;
		return EXIT_OK;
	case OPTION_NO_EXTRA_METRICS:
		o->wandb.with_ours = false;
		return EXIT_OK;
	case OPTION_X_AXIS:
		return parse_x_axis(optarg, o);
	case OPTION_UNFINISHED:
		o->unfinished = true;
		return EXIT_OK;
	default:
		return read_options_take(&o->read, option, word);
	}
}

static int check_options(const struct options *o) {
	if (o->read.help) {
		return EXIT_OK;
	}
	if (o->read.source.run_part == NULL) {
		return read_options_wrong(&o->read, "which RUN?", "");
	}
	if (o->wandb.folder == NULL || o->wandb.folder[0] == '\0') {
		return read_options_wrong(&o->read, "where to? --wandb DIR", "");
	}
	return EXIT_OK;
}

static int parse_word(const char *word, struct options *o) {
	bool is_database;
	int status = read_options_take_word(&o->read, word, &is_database);

	if (status != EXIT_OK || is_database) {
		return status;
	}
	if (o->read.source.run_part != NULL) {
		return read_options_wrong(&o->read, "one RUN; what is ", word);
	}
	o->read.source.run_part = word;
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"wandb", required_argument, NULL, OPTION_WANDB},
		{"no-extra-metrics", no_argument, NULL, OPTION_NO_EXTRA_METRICS},
		{"x-axis", required_argument, NULL, OPTION_X_AXIS},
		{"unfinished", no_argument, NULL, OPTION_UNFINISHED},
		READ_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	int option, status = EXIT_OK;

	optind = 0; /* main may have used getopt before */
	opterr = 0;
	while (status == EXIT_OK && (option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		status = parse_option(option, argv[optind - 1], o);
	}
	while (status == EXIT_OK && optind < argc) {
		status = parse_word(argv[optind++], o);
	}
	return status == EXIT_OK ? check_options(o) : status;
}

/* ---- doing it ---- */

static void say(const char *words) {
	fprintf(stderr, "sae-metricsd export: %s\n", words);
}

/* What a file of W&B's is made of. */
static const char *const wandb_tables[] = {"runs_data", "runs_about", "forwards_data", "lines_data",
	"history_data", "histograms_data", "removed_data", NULL};

static int open_run(const struct options *o, sqlite3 **ret_sql, struct kept_run *ret) {
	const struct run_source source = {
		.command = o->read.command,
		.where = &o->read.source,
		.tables = wandb_tables,
		.stop = o->wandb.stop,
	};
	int64_t n = 0;
	int status = run_source_open(&source, ret_sql, &n);

	if (status == EXIT_OK && kept_run_read(*ret_sql, n, ret) < 0) {
		fprintf(stderr, "sae-metricsd export: the database cannot be read: %s\n",
			sqlite3_errmsg(*ret_sql));
		return EXIT_FAILED;
	}
	return status;
}

static bool goes_on(const struct kept_run *run) {
	return strcmp(run->state, "running") == 0 || strcmp(run->state, "stalled") == 0;
}

static void say_removed(void *user, const struct removed *removed) {
	const struct kept_run *run = user;

	if (strcmp(removed->what, "lines") == 0) {
		fprintf(stderr, "sae-metricsd export: %s: %s: they are not exported\n", run->id,
			removed->words);
	}
}

/* What W&B will make of it, before it is too late. */
static int check_run(const struct kept_run *run, const struct options *o) {
	if (goes_on(run) && !o->unfinished) {
		fprintf(stderr,
			"sae-metricsd export: %s goes on (%s), and W&B takes a run once: export it "
			"when it has ended, or with --unfinished\n",
			run->id, run->state);
		return EXIT_FAILED;
	}
	if (!run->has_exit_code) {
		fprintf(stderr,
			"sae-metricsd export: %s is %s, without an exit code: W&B will show it as "
			"failed\n",
			run->id, run->state);
	}
	if (run->n_forwarded > 0) {
		fprintf(stderr,
			"sae-metricsd export: %s is forwarded by the daemon: `wandb sync` would "
			"add "
			"its rows again\n",
			run->id);
	}
	return EXIT_OK;
}

static int write_run(sqlite3 *sql, const struct kept_run *run, const struct options *o) {
	struct export_result result;
	char words[EXPORT_WORDS_MAX], rows[FORMAT_MAX], bytes[FORMAT_MAX];

	if (export_wandb(sql, run, &o->wandb, &result, words) < 0) {
		say(words);
		return EXIT_FAILED;
	}
	printf("wrote %s (%s, %s rows)\n", result.path, format_bytes(bytes, (double)result.n_bytes),
		format_grouped(rows, result.n_rows));
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int export_it(const struct options *o) {
	struct kept_run run = {0};
	sqlite3 *sql = NULL;

	int status = open_run(o, &sql, &run);
	status = status == EXIT_OK ? check_run(&run, o) : status;
	if (status == EXIT_OK) {
		(void)removed_each(sql, run.n, say_removed, &run);
	}
	status = status == EXIT_OK ? write_run(sql, &run, o) : status;
	kept_run_finish(&run);
	(void)sqlite3_close(sql);
	interrupt_heed();
	return status;
}

static int export_run(int argc, char **argv) {
	struct options o = {.read = {.command = "export"}, .wandb = {.with_ours = true}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.read.help) {
		fputs(subcommand_export.usage, stdout);
	} else if (status == EXIT_OK) {
		o.wandb.stop = interrupt_watch();
		status = export_it(&o);
	}
	read_options_finish(&o.read);
	return status;
}

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "backup_copy.h"
#include "bounds.h"
#include "clock.h"
#include "export_offline.h"
#include "export_rows.h"
#include "interrupt.h"
#include "read_options.h"
#include "subcommand.h"

static int export_run(int argc, char **argv);

const struct subcommand subcommand_export = {
	.name = "export",
	.summary = "write rows as CSV or JSON lines, or a run for `wandb sync`",
	.usage =
		"usage: sae-metricsd export [options] RUN... --csv|--jsonl\n"
		"       sae-metricsd export [options] RUN --wandb DIR\n"
		"       sae-metricsd export [--db FILE] --database FILE\n"
		"\n"
		"Writes all rows of runs, never a sample of them. RUN is any part of an id or a\n"
		"name that fits one run only; without one, --project and its like say which runs.\n"
		"The database is read where that is possible, with a daemon or without; else the\n"
		"daemon that has it hands the runs out.\n"
		"\n"
		"  --csv             as RFC 4180 has it; nothing in it executes in a spreadsheet\n"
		"  --jsonl           strict JSON, a row a line\n"
		"  --output FILE     write into FILE, which appears whole; of several tables FILE\n"
		"                    is a folder, made where it is missing\n"
		"  --steps           every step (what is written when nothing is chosen)\n"
		"  --history         what the trainer would have logged, a row a key\n"
		"  --windows         sparsity windows\n"
		"  --histograms      histograms that were logged\n"
		"  --events          what happened\n"
		"  --features        how often each feature fired in the last complete window,\n"
		"                    and which are dead, ultra-low or dense\n"
		"  --deaths          which features died or came alive again, by window\n"
		"  --from STEP       from this step on\n"
		"  --to STEP         up to this step, which is included\n"
		"  --columns A[,B]   only these columns, in this order\n"
		"  --all-attempts    also rows that a run left behind when it went "
		"back\n" RUN_FILTER_USAGE
		"  --database FILE   a copy of the whole database, as `backup` makes it\n"
		"  --wandb DIR       DIR/offline-run-DATE_TIME-ID/run-ID.wandb, for `wandb sync`\n"
		"  --no-extra-metrics   of --wandb: only what the run's own trainer would have\n"
		"                    logged\n"
		"  --x-axis AXIS     of --wandb: what W&B draws charts over, step or tokens\n"
		"  --unfinished      of --wandb: also a run that goes on, as far as it has come\n"
		"  --db FILE         the database: the user's own, else the host's\n"
		"  --socket PATH     ask the daemon behind this socket, and read no database\n"
		"  -h, --help        this text\n"
		"\n"
		"exit status: 0 written, 1 failed, 2 wrong usage, 3 no database and no daemon,\n"
		"             4 no such run or more than one\n",
	.run = export_run,
};

enum form { FORM_NONE = 0, FORM_ROWS, FORM_DATABASE, FORM_WANDB };

struct options {
	struct read_options read;
	enum form form;
	struct export_rows rows;
	struct export_wandb wandb;
	const char *database;
	bool unfinished;
};

/* ---- what was asked for ---- */

enum {
	OPTION_CSV = 256,
	OPTION_JSONL,
	OPTION_DATABASE,
	OPTION_WANDB,
	OPTION_NO_EXTRA_METRICS,
	OPTION_X_AXIS,
	OPTION_UNFINISHED,
	OPTION_FROM,
	OPTION_TO,
	OPTION_COLUMNS,
	OPTION_ALL_ATTEMPTS,
	OPTION_TABLE /* and those behind it: export_table_number */
};

static int take_form(struct options *o, enum form form) {
	if (o->form != FORM_NONE) {
		return read_options_wrong(
			&o->read, "one of --csv, --jsonl, --database and --wandb", "");
	}
	o->form = form;
	return EXIT_OK;
}

static int parse_x_axis(const char *word, struct options *o) {
	o->wandb.over_tokens = strcmp(word, "tokens") == 0;
	return o->wandb.over_tokens || strcmp(word, "step") == 0
		       ? EXIT_OK
		       : read_options_wrong(&o->read, "--x-axis is step or tokens, not ", word);
}

static int parse_step(const char *word, struct options *o, int64_t *ret) {
	char *end;

	errno = 0;
	long long step = strtoll(word, &end, 10);
	if (errno != 0 || end == word || *end != '\0' || step < 0) {
		return read_options_wrong(&o->read, "a step is a number from 0 on, not ", word);
	}
	*ret = step;
	return EXIT_OK;
}

static int parse_filter(int option, struct options *o) {
	char words[RUN_FILTER_WORDS_SIZE];

	return run_filter_add(
		       &o->rows.filter, (enum run_filter_option)option, optarg, clock_wall(), words)
		       ? EXIT_OK
		       : read_options_wrong(&o->read, words, "");
}

static int parse_wandb_option(int option, const char *word, struct options *o) {
	switch (option) {
	case OPTION_WANDB:
		o->wandb.folder = optarg;
		return take_form(o, FORM_WANDB);
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

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	if (option >= OPTION_TABLE && option < OPTION_TABLE + EXPORT_TABLES) {
		o->rows.wants[option - OPTION_TABLE] = true;
		return EXIT_OK;
	}
	if (option >= RUN_FILTER_PROJECT && option < RUN_FILTER_END) {
		return parse_filter(option, o);
	}
	switch (option) {
	case OPTION_CSV:
	case OPTION_JSONL:
		o->rows.format = option == OPTION_CSV ? ROWS_CSV : ROWS_JSONL;
		return take_form(o, FORM_ROWS);
	case OPTION_DATABASE:
		o->database = optarg;
		return take_form(o, FORM_DATABASE);
	case OPTION_FROM:
		return parse_step(optarg, o, &o->rows.choice.from);
	case OPTION_TO:
		return parse_step(optarg, o, &o->rows.choice.to);
	case OPTION_COLUMNS:
		o->rows.choice.columns = optarg;
		return EXIT_OK;
	case OPTION_ALL_ATTEMPTS:
		o->rows.choice.all_attempts = true;
		return EXIT_OK;
	default:
		return parse_wandb_option(option, word, o);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;
	bool is_database;
	int status = read_options_take_word(&o->read, word, &is_database);

	if (status != EXIT_OK || is_database) {
		return status;
	}
	if (o->rows.n_runs == EXPORT_RUNS_MAX) {
		return read_options_wrong(&o->read, "too many RUNs; what is ", word);
	}
	o->rows.runs[o->rows.n_runs++] = word;
	return EXIT_OK;
}

static bool has_filter(const struct options *o) {
	return o->rows.filter.n_terms > 0 || o->rows.filter.since > 0;
}

static int check_columns(const struct options *o, size_t n_tables) {
	char words[2048];

	if (o->rows.choice.columns == NULL) {
		return EXIT_OK;
	}
	if (n_tables > 1) {
		return read_options_wrong(&o->read, "--columns are those of one table", "");
	}
	for (size_t i = 0; i < EXPORT_TABLES; i++) {
		if (o->rows.wants[i] && !export_table_has(&export_tables[i], o->rows.choice.columns,
						words, sizeof words)) {
			return read_options_wrong(&o->read, words, "");
		}
	}
	return EXIT_OK;
}

static int check_rows(struct options *o) {
	size_t n_tables = 0;

	for (size_t i = 0; i < EXPORT_TABLES; i++) {
		n_tables += o->rows.wants[i];
	}
	o->rows.wants[EXPORT_STEPS] = o->rows.wants[EXPORT_STEPS] || n_tables == 0;
	if (o->rows.n_runs == 0 && !has_filter(o)) {
		return read_options_wrong(
			&o->read, "which RUN? or which of them: --project P, --project '*'", "");
	}
	if (o->rows.n_runs > 0 && has_filter(o)) {
		return read_options_wrong(&o->read, "RUNs, or what they are like; not both", "");
	}
	if (o->rows.choice.from > o->rows.choice.to) {
		return read_options_wrong(&o->read, "--from is a later step than --to", "");
	}
	if (n_tables > 1 && o->read.file == NULL) {
		return read_options_wrong(
			&o->read, "several tables go into a folder: --output DIR", "");
	}
	if (o->read.file != NULL && o->read.file[0] == '\0') {
		return read_options_wrong(&o->read, "--output needs a name", "");
	}
	return check_columns(o, n_tables);
}

static int check_wandb(struct options *o) {
	if (o->rows.n_runs == 0) {
		return read_options_wrong(&o->read, "which RUN?", "");
	}
	if (o->rows.n_runs > 1) {
		return read_options_wrong(&o->read, "one RUN; what is ", o->rows.runs[1]);
	}
	if (o->wandb.folder[0] == '\0') {
		return read_options_wrong(&o->read, "where to? --wandb DIR", "");
	}
	o->read.source.run_part = o->rows.runs[0];
	return EXIT_OK;
}

static int check_database(const struct options *o) {
	if (o->rows.n_runs > 0 || has_filter(o)) {
		return read_options_wrong(&o->read,
			"--database copies all runs; of some there are --csv and --jsonl", "");
	}
	if (o->read.source.socket != NULL || o->read.source.files.n > 1) {
		return read_options_wrong(&o->read, "--database copies one file: --db FILE", "");
	}
	return o->database[0] != '\0'
		       ? EXIT_OK
		       : read_options_wrong(&o->read, "where to? --database FILE", "");
}

static int check_options(struct options *o) {
	if (o->read.help) {
		return EXIT_OK;
	}
	switch (o->form) {
	case FORM_ROWS:
		return check_rows(o);
	case FORM_DATABASE:
		return check_database(o);
	case FORM_WANDB:
		return check_wandb(o);
	default:
		return read_options_wrong(
			&o->read, "as what? --csv, --jsonl, --database FILE or --wandb DIR", "");
	}
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"csv", no_argument, NULL, OPTION_CSV},
		{"jsonl", no_argument, NULL, OPTION_JSONL},
		{"database", required_argument, NULL, OPTION_DATABASE},
		{"wandb", required_argument, NULL, OPTION_WANDB},
		{"no-extra-metrics", no_argument, NULL, OPTION_NO_EXTRA_METRICS},
		{"x-axis", required_argument, NULL, OPTION_X_AXIS},
		{"unfinished", no_argument, NULL, OPTION_UNFINISHED},
		{"from", required_argument, NULL, OPTION_FROM},
		{"to", required_argument, NULL, OPTION_TO},
		{"columns", required_argument, NULL, OPTION_COLUMNS},
		{"all-attempts", no_argument, NULL, OPTION_ALL_ATTEMPTS},
		{"steps", no_argument, NULL, OPTION_TABLE + EXPORT_STEPS},
		{"history", no_argument, NULL, OPTION_TABLE + EXPORT_HISTORY},
		{"windows", no_argument, NULL, OPTION_TABLE + EXPORT_WINDOWS},
		{"histograms", no_argument, NULL, OPTION_TABLE + EXPORT_HISTOGRAMS},
		{"events", no_argument, NULL, OPTION_TABLE + EXPORT_EVENTS},
		{"features", no_argument, NULL, OPTION_TABLE + EXPORT_FEATURES},
		{"deaths", no_argument, NULL, OPTION_TABLE + EXPORT_DEATHS},
		{"db", required_argument, NULL, READ_OPTION_DB},
		{"socket", required_argument, NULL, READ_OPTION_SOCKET},
		{"output", required_argument, NULL, READ_OPTION_OUTPUT},
		{"help", no_argument, NULL, 'h'},
		RUN_FILTER_OPTIONS,
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, o);

	return status == EXIT_OK ? check_options(o) : status;
}

/* ---- doing it ---- */

static int copy_database(const struct options *o) {
	const struct backup_copy copy = {
		.command = o->read.command,
		.database = o->read.source.files.n > 0 ? o->read.source.files.paths[0] : NULL,
		.to = o->database,
	};

	return backup_copy_make(&copy);
}

static int export_it(struct options *o) {
	switch (o->form) {
	case FORM_ROWS:
		o->rows.read = &o->read;
		return export_rows(&o->rows);
	case FORM_DATABASE:
		return copy_database(o);
	default:
		return export_offline(&o->read, &o->wandb, o->unfinished);
	}
}

static int export_run(int argc, char **argv) {
	struct options o = {
		.read = {.command = "export"},
		.rows = {.choice = {.to = STEP_MAX}},
		.wandb = {.with_ours = true},
	};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.read.help) {
		fputs(subcommand_export.usage, stdout);
	} else if (status == EXIT_OK) {
		o.wandb.stop = o.rows.stop = interrupt_watch();
		status = export_it(&o);
	}
	read_options_finish(&o.read);
	return status;
}

#include <getopt.h>
#include <stdio.h>

#include "arguments.h"
#include "backup_copy.h"
#include "subcommand.h"

static int backup_run(int argc, char **argv);

const struct subcommand subcommand_backup = {
	.name = "backup",
	.summary = "copy the database, also while it is in use",
	.usage = "usage: sae-metricsd backup [options] FILE|DIR\n"
		 "\n"
		 "Writes a closed copy of the database: one file, consistent and synced. The\n"
		 "daemon may be running; its commits are not held up. A DIR (or what ends with /,\n"
		 "which is made where it is missing) gets DIR/metrics-YYYYMMDDTHHMMSSZ.db, the\n"
		 "time in UTC. The copy has all results; what a run that goes on needs to do so\n"
		 "exactly stays beside the database.\n"
		 "\n"
		 "  --db FILE     the database: the user's own, else the host's\n"
		 "  --force       replace a FILE that is there already\n"
		 "  -h, --help    this text\n"
		 "\n"
		 "See also `sae-metricsd serve --backup-every`.\n"
		 "\n"
		 "exit status: 0 written, 1 failed (nothing is left behind), 2 wrong usage,\n"
		 "             3 no database\n",
	.run = backup_run,
};

struct options {
	struct backup_copy copy;
	bool help;
};

/* ---- what was asked for ---- */

enum { OPTION_DB = 256, OPTION_FORCE };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_DB:
		o->copy.database = optarg;
		return EXIT_OK;
	case OPTION_FORCE:
		o->copy.force = true;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("backup", option, word);
	}
}

static int take_word(const char *word, void *user) {
	struct options *o = user;

	if (o->copy.to != NULL) {
		return arguments_wrong("backup", "one FILE or DIR; what is ", word);
	}
	o->copy.to = word;
	return EXIT_OK;
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"db", required_argument, NULL, OPTION_DB},
		{"force", no_argument, NULL, OPTION_FORCE},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_word, o);

	if (status == EXIT_OK && !o->help && (o->copy.to == NULL || o->copy.to[0] == '\0')) {
		return arguments_wrong("backup", "where to? FILE or DIR", "");
	}
	return status;
}

static int backup_run(int argc, char **argv) {
	struct options o = {.copy = {.command = "backup"}};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.help) {
		fputs(subcommand_backup.usage, stdout);
		return EXIT_OK;
	}
	return status == EXIT_OK ? backup_copy_make(&o.copy) : status;
}

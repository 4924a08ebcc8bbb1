#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "database_file.h"
#include "database_list.h"
#include "interrupt.h"
#include "merge.h"
#include "schema.h"
#include "subcommand.h"

static int import_run(int argc, char **argv);

const struct subcommand subcommand_import = {
	.name = "import",
	.summary = "make one database of several",
	.usage = "usage: sae-metricsd import FILE... --into FILE\n"
		 "\n"
		 "Puts the runs of databases (of other hosts, or copies) into one, which is begun\n"
		 "where it is missing. Of a run that is in several the one that was seen last\n"
		 "stays; what was imported already is left as it is. A FILE may be a folder of\n"
		 "*.db; one that cannot be read does not stop the others, and none is changed.\n"
		 "\n"
		 "  --into FILE   the database that gets them; no daemon may have it\n"
		 "  -h, --help    this text\n"
		 "\n"
		 "exit status: 0 all are in it, 1 some are not, 2 wrong usage\n",
	.run = import_run,
};

struct options {
	struct database_list files;
	const char *into;
	bool help;
};

/* ---- what was asked for ---- */

enum { OPTION_INTO = 256 };

/* `word` is what getopt looked at. */
static int take_option(int option, const char *word, void *user) {
	struct options *o = user;

	switch (option) {
	case OPTION_INTO:
		o->into = optarg;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	default:
		return arguments_unknown("import", option, word);
	}
}

static int fail(const char *path, const char *words) {
	fprintf(stderr, "sae-metricsd import: %s: %s\n", path, words);
	return EXIT_FAILED;
}

static int take_file(const char *path, void *user) {
	struct options *o = user;
	int err = database_list_add(&o->files, path);

	return err == 0 ? EXIT_OK
			: fail(path, err == -ENOENT ? "no *.db in this folder" : strerror(-err));
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"into", required_argument, NULL, OPTION_INTO},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int status = arguments_take(argc, argv, ":h", longs, take_option, take_file, o);

	if (status == EXIT_OK && !o->help && o->files.n == 0) {
		return arguments_wrong("import", "which FILEs?", "");
	}
	if (status == EXIT_OK && !o->help && (o->into == NULL || o->into[0] == '\0')) {
		return arguments_wrong("import", "into which? --into FILE", "");
	}
	return status;
}

/* ---- doing it ---- */

static bool is_same(const char *a, const char *b) {
	struct stat of_a, of_b;

	return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

/* One that is older is read from a copy that is not. */
static int open_source(const char *path, sqlite3 **ret, char words[MERGE_WORDS_MAX]) {
	char remark[DATABASE_WORDS_MAX];
	sqlite3 *sql = NULL, *current = NULL;
	int version = 0;

	if (database_open(path, DATABASE_CURRENT_OLDER, &sql, remark) != DATABASE_OK) {
		return fail(path, remark);
	}
	if (remark[0] != '\0') {
		(void)fail(path, remark);
	}
	int err = 0;
	if (schema_inspect(sql, &version) == SCHEMA_OLDER) {
		err = merge_update(sql, &current, words);
		(void)sqlite3_close(sql);
		sql = current;
	}
	*ret = sql;
	return err == 0 ? EXIT_OK : fail(path, words);
}

static int import_file(
	sqlite3 *into, const struct options *o, const char *path, const atomic_bool *stop) {
	const struct viewer viewer = database_viewer(path);
	struct merge_counts counts;
	char words[MERGE_WORDS_MAX];
	sqlite3 *from = NULL;

	if (is_same(path, o->into)) {
		return fail(path, "it is the one that the others go into");
	}
	int status = open_source(path, &from, words);
	if (status == EXIT_OK && merge_from(into, from, &viewer, stop, &counts, words) < 0) {
		status = fail(path, words);
	} else if (status == EXIT_OK) {
		printf("%s: %" PRId64 " added, %" PRId64 " brought up to date, %" PRId64
		       " there already\n",
			path, counts.added, counts.replaced, counts.kept);
	}
	(void)sqlite3_close(from);
	return status;
}

static int import_all(const struct options *o) {
	const atomic_bool *stop = interrupt_watch();
	char words[MERGE_WORDS_MAX] = "";
	sqlite3 *into = NULL;
	int lock = -1, status = EXIT_OK;
	int err = merge_open(o->into, SAE_METRICSD_VERSION, &into, &lock, words);

	if (err == -EBUSY) {
		return fail(o->into, "a daemon has it: import into another file, or look at all of "
				     "them at once with "
				     "`sae-metricsd status --db FILE --db FILE`");
	}
	if (err < 0) {
		return fail(o->into, words);
	}
	for (size_t i = 0; i < o->files.n && !atomic_load(stop); i++) {
		int imported = import_file(into, o, o->files.paths[i], stop);
		status = imported == EXIT_OK ? status : imported;
	}
	if (sqlite3_close(into) != SQLITE_OK || fflush(stdout) != 0) {
		status = EXIT_FAILED;
	}
	(void)close(lock);
	interrupt_heed();
	return status;
}

static int import_run(int argc, char **argv) {
	struct options o = {0};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.help) {
		fputs(subcommand_import.usage, stdout);
	} else if (status == EXIT_OK) {
		status = import_all(&o);
	}
	database_list_finish(&o.files);
	return status;
}

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "copy_name.h"
#include "database_copy.h"
#include "database_file.h"
#include "format.h"
#include "interrupt.h"
#include "subcommand.h"

static int backup_run(int argc, char **argv);

const struct subcommand subcommand_backup = {
	.name = "backup",
	.summary = "copy the database, also while it is in use",
	.usage =
		"usage: sae-metricsd backup [options] FILE|DIR\n"
		"\n"
		"Writes a closed copy of the database: one file, consistent and synced. The "
		"daemon\n"
		"may be running; its commits are not held up. A DIR (or what ends with /, which "
		"is\n"
		"made where it is missing) gets DIR/metrics-YYYYMMDDTHHMMSSZ.db, the time in UTC.\n"
		"The copy has all results; what a run that goes on needs to do so exactly stays\n"
		"beside the database.\n"
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

#define FOLDER_MODE 0777 /* less the umask */

struct options {
	const char *database, *to;
	bool force, help;
};

/* ---- what was asked for ---- */

static int usage_error(const char *what, const char *which) {
	fprintf(stderr, "sae-metricsd backup: %s%s; `sae-metricsd backup --help` lists all\n", what,
		which);
	return EXIT_USAGE;
}

enum { OPTION_DB = 256, OPTION_FORCE };

/* `word` is what getopt looked at. */
static int parse_option(int option, const char *word, struct options *o) {
	switch (option) {
	case OPTION_DB:
		o->database = optarg;
		return EXIT_OK;
	case OPTION_FORCE:
		o->force = true;
		return EXIT_OK;
	case 'h':
		o->help = true;
		return EXIT_OK;
	case ':':
		return usage_error("a value is missing behind ", word);
	default:
		return usage_error("there is no option ", word);
	}
}

static int parse_options(int argc, char **argv, struct options *o) {
	static const struct option longs[] = {
		{"db", required_argument, NULL, OPTION_DB},
		{"force", no_argument, NULL, OPTION_FORCE},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, status = EXIT_OK;

	optind = 0; /* main may have used getopt before */
	opterr = 0;
	while (status == EXIT_OK && (option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		status = parse_option(option, argv[optind - 1], o);
	}
	while (status == EXIT_OK && optind < argc) {
		if (o->to != NULL) {
			return usage_error("one FILE or DIR; what is ", argv[optind]);
		}
		o->to = argv[optind++];
	}
	if (status == EXIT_OK && !o->help && (o->to == NULL || o->to[0] == '\0')) {
		return usage_error("where to? FILE or DIR", "");
	}
	return status;
}

/* ---- doing it ---- */

static int fail(const char *what, const char *path, const char *why) {
	fprintf(stderr, "sae-metricsd backup: %s%s: %s\n", what, path, why);
	return EXIT_FAILED;
}

/* What is to be read: with a log that cannot be, a copy would be of an older state. */
static int open_database(const struct options *o, sqlite3 **ret) {
	char path[PATH_MAX], words[DATABASE_WORDS_MAX];

	if (o->database == NULL && !database_default(path)) {
		fputs("sae-metricsd backup: there is no database; name one with --db FILE\n",
			stderr);
		return EXIT_NO_ANSWER;
	}
	const char *database = o->database != NULL ? o->database : path;
	enum database_result result = database_open(database, DATABASE_CURRENT_OLDER, ret, words);
	if (words[0]) {
		(void)fail("", database, words);
	}
	return result != DATABASE_OK ? EXIT_NO_ANSWER : words[0] ? EXIT_FAILED : EXIT_OK;
}

/* The file that is meant: in a folder, one named after the time. */
static int name_file(const char *to, char ret[PATH_MAX]) {
	char name[COPY_NAME_SIZE];
	struct stat st;
	size_t len = strlen(to);
	bool is_folder = to[len - 1] == '/';

	if (is_folder && mkdir(to, FOLDER_MODE) < 0 && errno != EEXIST) {
		return fail("cannot make ", to, strerror(errno));
	}
	is_folder = is_folder || (stat(to, &st) == 0 && S_ISDIR(st.st_mode));
	int n = is_folder ? snprintf(ret, PATH_MAX, "%s%s%s", to, to[len - 1] == '/' ? "" : "/",
				    copy_name_write(name, (time_t)clock_wall()))
			  : snprintf(ret, PATH_MAX, "%s", to);
	return n < PATH_MAX ? EXIT_OK : fail("cannot write ", to, strerror(ENAMETOOLONG));
}

static void say_copied(const char *file, const struct database_copied *copied) {
	char bytes[FORMAT_MAX], when[32] = "";
	time_t newest = (time_t)copied->newest_step;
	struct tm utc;

	if (newest > 0 && gmtime_r(&newest, &utc) != NULL) {
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	}
	printf("wrote %s (%s, %" PRId64 " run%s, newest step %s)\n", file,
		format_bytes(bytes, (double)copied->n_bytes), copied->n_runs,
		copied->n_runs == 1 ? "" : "s", when[0] ? when : "-");
}

static int write_copy(sqlite3 *sql, const char *file, bool force) {
	const struct database_copy copy = {.to = file, .replace = force, .stop = interrupt_watch()};
	struct database_copied copied;
	char words[DATABASE_COPY_WORDS_MAX];
	int err = database_copy(sql, &copy, &copied, words);

	if (err < 0) {
		fprintf(stderr, "sae-metricsd backup: %s%s\n", words,
			err == -EEXIST ? " (--force replaces it)" : "");
		return EXIT_FAILED;
	}
	say_copied(file, &copied);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static int backup(const struct options *o) {
	char file[PATH_MAX];
	sqlite3 *sql = NULL;

	int status = open_database(o, &sql);
	status = status == EXIT_OK ? name_file(o->to, file) : status;
	status = status == EXIT_OK ? write_copy(sql, file, o->force) : status;
	(void)sqlite3_close(sql);
	interrupt_heed();
	return status;
}

static int backup_run(int argc, char **argv) {
	struct options o = {0};
	int status = parse_options(argc, argv, &o);

	if (status == EXIT_OK && o.help) {
		fputs(subcommand_backup.usage, stdout);
		return EXIT_OK;
	}
	return status == EXIT_OK ? backup(&o) : status;
}

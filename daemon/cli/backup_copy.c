#include "backup_copy.h"

#include <errno.h>
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

#define FOLDER_MODE 0777 /* less the umask */

static int fail(const struct backup_copy *b, const char *what, const char *path, const char *why) {
	fprintf(stderr, "sae-metricsd %s: %s%s: %s\n", b->command, what, path, why);
	return EXIT_FAILED;
}

/* What is to be read: with a log that cannot be, a copy would be of an older state. */
static int open_database(const struct backup_copy *b, sqlite3 **ret) {
	char path[PATH_MAX], words[DATABASE_WORDS_MAX];

	if (b->database == NULL && !database_default(path)) {
		fprintf(stderr, "sae-metricsd %s: there is no database; name one with --db FILE\n",
			b->command);
		return EXIT_NO_ANSWER;
	}
	const char *database = b->database != NULL ? b->database : path;
	enum database_result result = database_open(database, DATABASE_CURRENT_OLDER, ret, words);
	if (words[0]) {
		(void)fail(b, "", database, words);
	}
	return result != DATABASE_OK ? EXIT_NO_ANSWER : words[0] ? EXIT_FAILED : EXIT_OK;
}

/* The file that is meant: in a folder, one named after the time. */
static int name_file(const struct backup_copy *b, char ret[PATH_MAX]) {
	const char *to = b->to;
	char name[COPY_NAME_SIZE];
	struct stat st;
	size_t len = strlen(to);
	bool is_folder = to[len - 1] == '/';

	if (is_folder && mkdir(to, FOLDER_MODE) < 0 && errno != EEXIST) {
		return fail(b, "cannot make ", to, strerror(errno));
	}
	is_folder = is_folder || (stat(to, &st) == 0 && S_ISDIR(st.st_mode));
	int n = is_folder ? snprintf(ret, PATH_MAX, "%s%s%s", to, to[len - 1] == '/' ? "" : "/",
				    copy_name_write(name, (time_t)clock_wall()))
			  : snprintf(ret, PATH_MAX, "%s", to);
	return n < PATH_MAX ? EXIT_OK : fail(b, "cannot write ", to, strerror(ENAMETOOLONG));
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

static int write_copy(const struct backup_copy *b, sqlite3 *sql, const char *file) {
	const struct database_copy copy = {
		.to = file, .replace = b->force, .stop = interrupt_watch()};
	struct database_copied copied;
	char words[DATABASE_COPY_WORDS_MAX];
	int err = database_copy(sql, &copy, &copied, words);

	if (err < 0) {
		fprintf(stderr, "sae-metricsd %s: %s%s\n", b->command, words,
			err == -EEXIST ? " (--force replaces it)" : "");
		return EXIT_FAILED;
	}
	say_copied(file, &copied);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

int backup_copy_make(const struct backup_copy *b) {
	char file[PATH_MAX];
	sqlite3 *sql = NULL;

	int status = open_database(b, &sql);
	status = status == EXIT_OK ? name_file(b, file) : status;
	status = status == EXIT_OK ? write_copy(b, sql, file) : status;
	(void)sqlite3_close(sql);
	interrupt_heed();
	return status;
}

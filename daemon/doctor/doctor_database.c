/* The database: that it is ours, whole, and of this program's version. It is read as anybody may read it, and no commit waits for that. */
#include "doctor.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "database_file.h"
#include "document.h"
#include "format.h"
#include "location.h"
#include "schema.h"

/* A reader keeps the write-ahead log from shrinking: only for so long. Some GB on a common disk. */
#define CHECK_MAX_NS     3000000000ull
#define CHECK_LOOK_STEPS 10000 /* of SQLite's machine: some 100 us */

struct looking {
	uint64_t until_ns;
	char words[256]; /* the first thing that is wrong; "": nothing */
};

static int is_over(void *user) {
	const struct looking *l = user;

	return clock_mono_ns() > l->until_ns;
}

static int on_row(void *user, int n, char **values, char **names) {
	struct looking *l = user;
	(void)n;
	(void)names;

	if (values[0] != NULL && strcmp(values[0], "ok") != 0 && l->words[0] == '\0') {
		snprintf(l->words, sizeof l->words, "%s", values[0]);
	}
	return 0;
}

static int on_text(void *user, int n, char **values, char **names) {
	(void)n;
	(void)names;
	snprintf(user, 32, "%s", values[0] != NULL ? values[0] : "");
	return 0;
}

/* SQLITE_OK, SQLITE_INTERRUPT (nothing was found in the time there is), or what it fails with; and what it found. */
static int check(sqlite3 *sql, struct looking *l) {
	l->until_ns = clock_mono_ns() + CHECK_MAX_NS;
	sqlite3_progress_handler(sql, CHECK_LOOK_STEPS, is_over, l);
	int rc = sqlite3_exec(sql, "PRAGMA quick_check(1)", on_row, l, NULL);
	sqlite3_progress_handler(sql, 0, NULL, NULL);
	return rc;
}

static double file_bytes(const char *path, const char *suffix) {
	char full[PATH_MAX + 8];
	struct stat st;

	snprintf(full, sizeof full, "%s%s", path, suffix);
	return stat(full, &st) == 0 ? (double)st.st_size : 0;
}

static void say_integrity(struct doctor *d, sqlite3 *sql, const char *path) {
	char advice[PATH_MAX + 128], mode[32] = "", size[FORMAT_MAX];
	struct looking l = {0};
	int version = 0;

	int rc = check(sql, &l);
	(void)sqlite3_exec(sql, "PRAGMA journal_mode", on_text, mode, NULL);
	(void)schema_inspect(sql, &version);
	if (l.words[0] != '\0' || (rc != SQLITE_OK && rc != SQLITE_INTERRUPT)) {
		snprintf(advice, sizeof advice,
			"stop the daemon and start it again: it sets the file aside and begins a "
			"new "
			"one; copies are beside it, if it makes any");
		doctor_say(d, FINDING_FAIL, advice, "%s  damaged: %s", path,
			l.words[0] != '\0' ? l.words : sqlite3_errmsg(sql));
		return;
	}
	if (rc == SQLITE_INTERRUPT) {
		snprintf(advice, sizeof advice,
			"sqlite3 %s 'pragma quick_check' looks at all of it", path);
	}
	doctor_say(d, FINDING_OK, rc == SQLITE_INTERRUPT ? advice : NULL,
		"%s  %s, integrity ok%s, version %d, %s", path,
		strcmp(mode, "wal") == 0 ? "WAL" : mode,
		rc == SQLITE_INTERRUPT ? " as far as looked" : "", version,
		format_bytes(size, file_bytes(path, "") + file_bytes(path, "-wal")));
	if (strcmp(mode, "wal") != 0) {
		doctor_say(d, FINDING_WARN,
			"nothing if it is a copy; the daemon opens its own as WAL",
			"%s  it is no database that a daemon writes", path);
	}
}

/* What the daemon says of a file that is not for us. */
static void say_unseen(struct doctor *d, int error) {
	double bytes;
	char size[FORMAT_MAX];

	if (document_number(d->keeper, "database_bytes", &bytes)) {
		doctor_say(d, FINDING_UNSEEN, "root sees it",
			"%s  %s, as the daemon says; its integrity was not looked at: %s",
			d->database, format_bytes(size, bytes), strerror(error));
	} else {
		doctor_say(
			d, FINDING_UNSEEN, "root sees it", "%s: %s", d->database, strerror(error));
	}
}

void doctor_look_at_database(struct doctor *d) {
	char words[DATABASE_WORDS_MAX], remote[LOCATION_WORDS_MAX];
	sqlite3 *sql = NULL;

	if (d->database[0] == '\0') {
		doctor_say(d, FINDING_FAIL, "set HOME, or name one with --db",
			"there is no place for one");
		return;
	}
	if (location_check(d->database, remote) == -EREMOTE) {
		doctor_say(d, FINDING_FAIL, "name a place on a disk of this machine with --db",
			"%s", remote);
		return;
	}
	if (access(d->database, R_OK) < 0) {
		int error = errno;
		if (error == ENOENT) {
			doctor_say(d, d->keeper != NULL ? FINDING_FAIL : FINDING_OK,
				d->keeper != NULL ? "somebody took it away; restart the daemon"
						  : NULL,
				"%s  there is none yet", d->database);
		} else {
			say_unseen(d, error);
		}
		return;
	}
	if (database_open(d->database, DATABASE_CURRENT_OLDER, &sql, words) != DATABASE_OK) {
		doctor_say(d, FINDING_FAIL,
			"see `man sae-metricsd`, FILES; nothing is deleted by itself", "%s  %s",
			d->database, words);
		return;
	}
	say_integrity(d, sql, d->database);
	(void)sqlite3_close(sql);
}

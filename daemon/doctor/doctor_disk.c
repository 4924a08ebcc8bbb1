/* Room for the database, and its write-ahead log, which grows as long as somebody reads an old state. */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor_words.h"
#include "document.h"
#include "format.h"

/* A log is a few MB; ten times the largest batch means that it cannot shrink. */
#define LOG_BYTES_MAX (640u << 20)
#define FULL_SOON_S   (7 * 86400.0) /* a week: time to order a disk */
#define FREE_MIN      (512u << 20)  /* twice what a daemon leaves free */

/* ---- who holds the log ---- */

static bool has_open(const char *pid, const struct stat *file) {
	char path[PATH_MAX];
	bool found = false;

	snprintf(path, sizeof path, "/proc/%.32s/fd", pid);
	DIR *fds = opendir(path);
	for (struct dirent *e; fds != NULL && !found && (e = readdir(fds)) != NULL;) {
		struct stat st;
		found = fstatat(dirfd(fds), e->d_name, &st, 0) == 0 && st.st_dev == file->st_dev &&
			st.st_ino == file->st_ino;
	}
	if (fds != NULL) {
		(void)closedir(fds);
	}
	return found;
}

static void name_of(const char *pid, char out[DOCTOR_NAME_SIZE]) {
	char path[PATH_MAX];

	snprintf(path, sizeof path, "/proc/%.32s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL || fgets(out, DOCTOR_NAME_SIZE, f) == NULL) {
		snprintf(out, DOCTOR_NAME_SIZE, "?");
	}
	out[strcspn(out, "\n")] = '\0';
	if (f != NULL) {
		(void)fclose(f);
	}
}

/* "4711 sqlite3, 4712 python3": processes that have it open, as far as they may be seen, without the daemon and us. */
static void find_readers(const struct doctor *d, char out[DOCTOR_WORDS_MAX]) {
	struct stat file;
	DIR *processes = opendir("/proc");
	size_t len = 0;

	out[0] = '\0';
	for (struct dirent *e; stat(d->database, &file) == 0 && processes != NULL &&
			       (e = readdir(processes)) != NULL && len < DOCTOR_WORDS_MAX / 2;) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid > 0 && pid != getpid() && pid != doctor_daemon_pid(d) &&
			has_open(e->d_name, &file)) {
			char name[DOCTOR_NAME_SIZE];
			name_of(e->d_name, name);
			len += (size_t)snprintf(out + len, DOCTOR_WORDS_MAX - len, "%s%d %s",
				len > 0 ? ", " : "", (int)pid, name);
		}
	}
	if (processes != NULL) {
		(void)closedir(processes);
	}
}

static double log_bytes(const struct doctor *d) {
	char path[PATH_MAX + 8];
	struct stat st;
	double bytes = 0;

	snprintf(path, sizeof path, "%s-wal", d->database);
	if (stat(path, &st) == 0) {
		return (double)st.st_size;
	}
	return document_number(d->keeper, "log_bytes", &bytes) ? bytes : 0;
}

static void say_log(struct doctor *d) {
	const char *pinned = document_text(d->keeper, "log_pinned");
	char readers[DOCTOR_WORDS_MAX], advice[DOCTOR_WORDS_MAX + 64], size[FORMAT_MAX];
	double bytes = log_bytes(d);

	if (bytes <= LOG_BYTES_MAX && pinned == NULL) {
		return;
	}
	find_readers(d, readers);
	if (readers[0] != '\0') {
		snprintf(advice, sizeof advice, "end what reads it: %s", readers);
	} else {
		snprintf(advice, sizeof advice,
			"end what reads it; root sees who that is, or `fuser %.300s`", d->database);
	}
	doctor_say(d, FINDING_WARN, advice, "the write-ahead log has %s and does not shrink",
		format_bytes(size, bytes));
}

/* ---- room ---- */

static bool find_room(const struct doctor *d, double *ret_free) {
	char folder[PATH_MAX];
	struct statvfs fs;

	snprintf(folder, sizeof folder, "%s", d->database);
	if (statvfs(dirname(folder), &fs) == 0) {
		*ret_free = (double)fs.f_bavail * (double)fs.f_frsize;
		return true;
	}
	return document_number(d->keeper, "free_bytes", ret_free);
}

static void say_room(struct doctor *d, double room) {
	static const char advice[] = "make room, or set [retention] in the configuration";
	char room_words[FORMAT_MAX], left[FORMAT_MAX], pace[FORMAT_MAX];
	double growth = 0, keep_free = FREE_MIN / 2.0;

	(void)document_number(d->keeper, "keep_free_bytes", &keep_free);
	(void)document_number(d->keeper, "growth_bytes_per_s", &growth);
	format_bytes(room_words, room);
	double left_s = growth > 0 ? (room - keep_free) / growth : -1;
	if (room < 2 * keep_free) {
		doctor_say(d, room < keep_free ? FINDING_FAIL : FINDING_WARN, advice,
			"%s free; with less than %s nothing more is taken", room_words,
			format_bytes(left, keep_free));
	} else if (growth > 0) {
		doctor_say(d, left_s < FULL_SOON_S ? FINDING_WARN : FINDING_OK,
			left_s < FULL_SOON_S ? advice : NULL,
			"%s free, full in %s at the pace since the daemon started (%s/s)",
			room_words, format_age(left, left_s), format_bytes(pace, growth));
	} else {
		doctor_say(d, FINDING_OK, NULL, "%s free", room_words);
	}
}

void doctor_look_at_disk(struct doctor *d) {
	double room;

	if (d->database[0] == '\0') {
		return;
	}
	if (find_room(d, &room)) {
		say_room(d, room);
	} else {
		doctor_say(d, FINDING_UNSEEN, NULL, "how much is free beside %s: %s", d->database,
			strerror(errno));
	}
	say_log(d);
}

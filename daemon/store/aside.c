#include "aside.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "paths.h"

#define ASIDE_INFIX  ".damaged-"
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The database first: a kill in between leaves a log without one, which is set aside at the next start. The other way round it
 * would leave a database without what its log has. */
static const char *const suffixes[] = {"", "-wal", "-shm"};
#define SUFFIX_LOG 1

static int move_aside(const char *database, const char *suffix, const char *stamp) {
	char from[PATH_MAX], to[PATH_MAX];
	snprintf(from, sizeof from, "%s%s", database, suffix);
	int len = snprintf(to, sizeof to, "%s" ASIDE_INFIX "%s%s", database, stamp, suffix);
	if (len < 0 || (size_t)len >= sizeof to) {
		return -ENAMETOOLONG;
	}
	return rename(from, to) == 0 || errno == ENOENT ? 0 : -errno;
}

static bool is_taken(const char *database, const char *stamp) {
	bool is_there = false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "%s" ASIDE_INFIX "%s%s", database, stamp, suffixes[i]);
		is_there = is_there || access(path, F_OK) == 0;
	}
	return is_there;
}

/* The time, and a number where that is taken: an earlier one must not be overwritten. */
static void choose_stamp(const char *database, char stamp[48]) {
	struct tm tm;
	time_t now = time(NULL);
	size_t len = strftime(stamp, 32, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	for (int i = 2; is_taken(database, stamp); i++) {
		snprintf(stamp + len, 48 - len, "-%d", i);
	}
}

/* All from that suffix on. */
static int move_from(const char *database, size_t first, const char *stamp) {
	int err = 0;
	for (size_t i = first; err == 0 && i < ARRAY_LEN(suffixes); i++) {
		err = move_aside(database, suffixes[i], stamp);
	}
	return err == 0 ? paths_sync_parent(database) : err;
}

int aside_move(const char *database, char ret_words[ASIDE_WORDS_MAX]) {
	char stamp[48];
	choose_stamp(database, stamp);
	int err = move_from(database, 0, stamp);
	if (err < 0) {
		snprintf(ret_words, ASIDE_WORDS_MAX, "%s is damaged and cannot be set aside: %s",
			database, strerror(-err));
		return err;
	}
	snprintf(ret_words, ASIDE_WORDS_MAX,
		"%s was damaged and is now %s" ASIDE_INFIX "%s; a new one was begun", database,
		database, stamp);
	return 0;
}

static off_t file_size(const char *path) {
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : 0;
}

int aside_move_log(const char *database, char ret_words[ASIDE_WORDS_MAX]) {
	char log[PATH_MAX], stamp[48];
	int len = snprintf(log, sizeof log, "%s%s", database, suffixes[SUFFIX_LOG]);
	if (len < 0 || (size_t)len >= sizeof log || file_size(log) == 0 ||
		file_size(database) > 0) {
		return ASIDE_NO_LOG;
	}
	choose_stamp(database, stamp);
	int err = move_from(database, SUFFIX_LOG, stamp);
	if (err < 0) {
		snprintf(ret_words, ASIDE_WORDS_MAX,
			"%.150s-wal has no database any more and cannot be set aside: %s", database,
			strerror(-err));
		return err;
	}
	snprintf(ret_words, ASIDE_WORDS_MAX,
		"%.120s-wal had no database any more and is kept as *" ASIDE_INFIX
		"%s-wal; a new one was begun",
		database, stamp);
	return ASIDE_LOG_MOVED;
}

/* The time that its name ends with; one that belongs to it goes on behind that. */
static bool is_database(const char *path, size_t prefix_len) {
	const char *stamp = path + prefix_len;
	return strspn(stamp, "0123456789TZ-") == strlen(stamp);
}

/* As it is, whatever a pattern would take its letters for. */
static bool pattern_of(const char *database, char ret[PATH_MAX]) {
	size_t n = 0;
	for (const char *c = database; *c != '\0' && n + 3 < PATH_MAX; c++) {
		if (strchr("*?[\\", *c) != NULL) {
			ret[n++] = '\\';
		}
		ret[n++] = *c;
	}
	int len = snprintf(ret + n, PATH_MAX - n, ASIDE_INFIX "*");
	return len > 0 && (size_t)len < PATH_MAX - n;
}

bool aside_newest(const char *database, char ret_path[PATH_MAX]) {
	char pattern[PATH_MAX];
	glob_t found;
	bool is_there = false;
	if (!pattern_of(database, pattern) || glob(pattern, 0, NULL, &found) != 0) {
		return false;
	}
	for (size_t i = found.gl_pathc; i > 0 && !is_there; i--) {
		if (is_database(found.gl_pathv[i - 1], strlen(database) + strlen(ASIDE_INFIX))) {
			snprintf(ret_path, PATH_MAX, "%s", found.gl_pathv[i - 1]);
			is_there = true;
		}
	}
	globfree(&found);
	return is_there;
}

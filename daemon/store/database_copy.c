#include "database_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy_room.h"
#include "db.h"
#include "location.h"
#include "paths.h"

#define PAGES_AT_ONCE 256        /* a MiB: between two portions somebody may say stop */
#define SYNC_EACH     (8u << 20) /* what a commit of the daemon's may find in its way */

struct copying {
	sqlite3 *from, *to;
	const struct database_copy *copy;
	char place[PATH_MAX];   /* the file to be, without links */
	char partial[PATH_MAX]; /* what is written until then */
	int fd;                 /* of that */
	uint64_t n_unsynced;
	struct copy_room room;
	struct database_copied result;
	char *words;
};

static int fail(struct copying *c, int err, const char *what, const char *path) {
	snprintf(c->words, DATABASE_COPY_WORDS_MAX, "%s %.350s: %s", what, path, strerror(-err));
	return err;
}

/* ---- where to ---- */

/* The path without links, also of what is not there yet. -errno when its folder is not there. */
static int place_of(const char *path, char ret[PATH_MAX]) {
	char folder[PATH_MAX], name[PATH_MAX], real[PATH_MAX];
	char *resolved = location_resolve(path);
	int n = resolved == NULL ? -1 : snprintf(folder, PATH_MAX, "%s", resolved);

	if (n < 0 || n >= PATH_MAX) {
		free(resolved);
		return n < 0 ? -ENOMEM : -ENAMETOOLONG;
	}
	memcpy(name, folder, sizeof name);
	free(resolved);
	if (realpath(dirname(folder), real) == NULL) {
		return -errno;
	}
	n = snprintf(ret, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, basename(name));
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Whether it is the database, by this name or another, or one of the files that belong to it. */
static bool is_part_of(const char *database, const char *place) {
	static const char *const parts[] = {"", "-wal", "-shm", "-journal", ".lock"};
	struct stat a, b;
	size_t len = strlen(database);

	if (stat(database, &a) == 0 && stat(place, &b) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino) {
		return true;
	}
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (strncmp(place, database, len) == 0 && strcmp(place + len, parts[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* What stands in a log or journal beside a file belongs to it: SQLite would play it into whatever has its name. */
static bool has_log(const char *place) {
	static const char *const logs[] = {"-wal", "-journal"};
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
		if (snprintf(path, PATH_MAX, "%s%s", place, logs[i]) >= PATH_MAX ||
			(stat(path, &st) == 0 && st.st_size > 0)) {
			return true;
		}
	}
	return false;
}

static int find_place(struct copying *c) {
	char database[PATH_MAX];
	struct stat st;
	int err = place_of(sqlite3_db_filename(c->from, "main"), database);

	err = err < 0 ? err : place_of(c->copy->to, c->place);
	if (err < 0) {
		return fail(c, err, "cannot write", c->copy->to);
	}
	bool is_there = stat(c->place, &st) == 0;
	if (is_part_of(database, c->place)) {
		snprintf(c->words, DATABASE_COPY_WORDS_MAX,
			"%.350s is the database itself, or belongs to it", c->copy->to);
		return -EINVAL;
	}
	if (is_there && !S_ISREG(st.st_mode)) {
		return fail(c, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "cannot replace", c->place);
	}
	if (is_there && !c->copy->replace) {
		return fail(c, -EEXIST, "cannot write", c->place);
	}
	if (has_log(c->place)) {
		snprintf(c->words, DATABASE_COPY_WORDS_MAX,
			"%.350s has a log beside it: it is in use, or was not closed", c->place);
		return -EINVAL;
	}
	return 0;
}

/* ---- the copy ---- */

/* SQLite's code for what went wrong with the copy, with the system's own reason where there is one. */
static int write_error(struct copying *c, int rc) {
	int err = db_error(c->to, rc), reason = 0;

	(void)sqlite3_file_control(c->to, "main", SQLITE_FCNTL_LAST_ERRNO, &reason);
	return fail(c, err == -EIO && reason > 0 ? -reason : err, "cannot write", c->partial);
}

static int open_partial(struct copying *c) {
	int n = snprintf(c->partial, PATH_MAX, "%s.partial-%ld", c->place, (long)getpid());

	if (n >= PATH_MAX) {
		return fail(c, -ENAMETOOLONG, "cannot write", c->place);
	}
	c->fd = open(c->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (c->fd < 0) {
		return fail(c, -errno, "cannot write", c->partial);
	}
	/* Nobody else knows of the file, so it needs no locks (a network's are not to be relied on); and until it has
	 * its name, nothing of it needs to survive. */
	int rc = sqlite3_open_v2(
		c->partial, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "unix-none");
	if (rc == SQLITE_OK) {
		rc = sqlite3_exec(c->to,
			"PRAGMA locking_mode = exclusive; PRAGMA journal_mode = off;"
			"PRAGMA synchronous = off",
			NULL, NULL, NULL);
	}
	return rc == SQLITE_OK ? 0 : write_error(c, rc);
}

static bool blames_copy(int rc) {
	return rc == SQLITE_FULL || rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_TRUNCATE ||
	       rc == SQLITE_IOERR_FSYNC || rc == SQLITE_CANTOPEN;
}

static int portion_error(struct copying *c, int rc) {
	if (blames_copy(rc)) {
		return write_error(c, rc);
	}
	snprintf(c->words, DATABASE_COPY_WORDS_MAX, "the database cannot be read: %s",
		sqlite3_errstr(rc));
	return db_error(c->from, rc);
}

static int copy_portions(struct copying *c, sqlite3_backup *backup) {
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK) {
		rc = sqlite3_backup_step(backup, PAGES_AT_ONCE);
		if (rc != SQLITE_OK && rc != SQLITE_DONE) {
			return portion_error(c, rc);
		}
		if (atomic_load(c->copy->stop)) {
			snprintf(c->words, DATABASE_COPY_WORDS_MAX, "stopped: nothing was copied");
			return -EINTR;
		}
		struct stat st;
		if (fstat(c->fd, &st) == 0 && (uint64_t)st.st_size >= c->n_unsynced + SYNC_EACH) {
			c->n_unsynced = (uint64_t)st.st_size;
			if (fdatasync(c->fd) < 0) {
				return fail(c, -errno, "cannot write", c->partial);
			}
			int err = copy_room_check(&c->room, 0); /* others write, too */
			if (err < 0) {
				return err;
			}
		}
	}
	return 0;
}

/* The pages, all of one moment. */
static int copy_pages(struct copying *c) {
	int rc = sqlite3_exec(
		c->from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		return portion_error(c, rc);
	}
	c->room = (struct copy_room){
		.place = c->place,
		.copy_bytes = copy_room_needed(c->from),
		.keep_free_bytes = c->copy->keep_free_bytes,
		.words = c->words,
	};
	sqlite3_backup *backup = sqlite3_backup_init(c->to, "main", c->from, "main");
	int err = backup == NULL ? write_error(c, sqlite3_errcode(c->to))
				 : copy_room_check(&c->room, c->room.copy_bytes);
	err = err < 0 ? err : copy_portions(c, backup);
	rc = sqlite3_backup_finish(backup);
	(void)sqlite3_exec(c->from, "COMMIT", NULL, NULL, NULL);
	return err < 0 || rc == SQLITE_OK ? err : portion_error(c, rc);
}

/* What is in it, told by the copy itself. */
static int read_facts(struct copying *c) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(c->to,
		"SELECT count(*), coalesce(max((SELECT time FROM steps_data s WHERE s.run = r.n "
		"ORDER BY step DESC LIMIT 1)), 0) FROM runs_data r",
		-1, &st, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		c->result.n_runs = sqlite3_column_int64(st, 0);
		c->result.newest_step = sqlite3_column_double(st, 1);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_OK ? 0 : write_error(c, rc);
}

/* A file that needs no other beside it. */
static int close_copy(struct copying *c) {
	struct stat st;
	int rc = sqlite3_exec(c->to, "PRAGMA journal_mode = delete", NULL, NULL, NULL);

	if (rc != SQLITE_OK) {
		return write_error(c, rc);
	}
	(void)sqlite3_close(c->to);
	c->to = NULL;
	if (fsync(c->fd) < 0 || fstat(c->fd, &st) < 0) {
		return fail(c, -errno, "cannot write", c->partial);
	}
	c->result.n_bytes = (uint64_t)st.st_size;
	return 0;
}

/* Gives it its name, and makes that last. */
static int name_copy(struct copying *c) {
	unsigned flags = c->copy->replace ? 0 : RENAME_NOREPLACE;
	int rc = renameat2(AT_FDCWD, c->partial, AT_FDCWD, c->place, flags);

	if (rc < 0 && (errno == EINVAL || errno == ENOSYS)) {
		rc = rename(c->partial, c->place); /* not every file system knows the flag */
	}
	return rc < 0 ? fail(c, -errno, "cannot write", c->place) : 0;
}

static void clean_up(struct copying *c, bool failed) {
	static const char *const parts[] = {"", "-wal", "-journal"};

	(void)sqlite3_close(c->to);
	if (c->fd >= 0) {
		(void)close(c->fd);
	}
	for (size_t i = 0; failed && c->fd >= 0 && i < sizeof parts / sizeof parts[0]; i++) {
		char path[PATH_MAX + 16];
		snprintf(path, sizeof path, "%s%s", c->partial, parts[i]);
		(void)unlink(path);
	}
}

int database_copy(sqlite3 *from, const struct database_copy *copy, struct database_copied *ret,
	char ret_words[DATABASE_COPY_WORDS_MAX]) {
	struct copying c = {.from = from, .copy = copy, .fd = -1, .words = ret_words};
	int err = find_place(&c);

	err = err < 0 ? err : open_partial(&c);
	err = err < 0 ? err : copy_pages(&c);
	err = err < 0 ? err : read_facts(&c);
	err = err < 0 ? err : close_copy(&c);
	err = err < 0 ? err : name_copy(&c);
	clean_up(&c, err < 0);
	if (err < 0) {
		return err;
	}
	/* The copy is there and synced; that its name might not survive a loss of power is not worth a failure. */
	(void)paths_sync_parent(c.place);
	*ret = c.result;
	return 0;
}

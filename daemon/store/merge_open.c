#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "db.h"
#include "location.h"
#include "merge.h"
#include "schema.h"

#define BUSY_TIMEOUT_MS 2000

static int fail(sqlite3 *sql, int rc, char words[MERGE_WORDS_MAX]) {
	snprintf(words, MERGE_WORDS_MAX, "%.200s",
		sql != NULL ? sqlite3_errmsg(sql) : "memory is short");
	int err = sql != NULL ? db_error(sql, rc) : -ENOMEM;
	return err < 0 ? err : -EIO;
}

/* What it is called by, as a daemon would write it (db_open.c). */
static int write_meta(sqlite3 *sql, const char *version) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql,
		"INSERT OR IGNORE INTO meta VALUES (1, randomblob(16), 0, ?1, ?2)", -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_double(st, 1, clock_wall());
		(void)sqlite3_bind_text(st, 2, version, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int begin(sqlite3 *sql, const char *version, char words[MERGE_WORDS_MAX]) {
	int number = 0, rc = SQLITE_OK;

	(void)sqlite3_busy_timeout(sql, BUSY_TIMEOUT_MS);
	switch (schema_inspect(sql, &number)) {
	case SCHEMA_FOREIGN:
	case SCHEMA_ILLEGIBLE:
		snprintf(words, MERGE_WORDS_MAX,
			"it is not a database of sae-metricsd, or cannot be read");
		return -EINVAL;
	case SCHEMA_NEWER:
		snprintf(words, MERGE_WORDS_MAX, "it is of a newer sae-metricsd");
		return -EPROTO;
	case SCHEMA_EMPTY:
		rc = sqlite3_exec(sql, "PRAGMA auto_vacuum = incremental", NULL, NULL, NULL);
		break;
	default:
		break;
	}
	rc = rc == SQLITE_OK ? schema_migrate(sql) : rc;
	rc = rc == SQLITE_OK ? write_meta(sql, version) : rc;
	return rc == SQLITE_OK ? 0 : fail(sql, rc, words);
}

static int open_locked(
	const char *path, const char *version, sqlite3 **ret, char words[MERGE_WORDS_MAX]) {
	sqlite3 *sql = NULL;
	struct stat st;
	bool is_new = stat(path, &st) < 0;

	if (!is_new && !S_ISREG(st.st_mode)) {
		snprintf(words, MERGE_WORDS_MAX, "it is no file");
		return -EINVAL;
	}
	/* Whoever may read the database sees all runs in it, private ones included. */
	int err = location_create(path);
	if (err < 0) {
		snprintf(words, MERGE_WORDS_MAX, "%s", strerror(-err));
		return err;
	}
	int rc = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	err = rc == SQLITE_OK ? begin(sql, version, words) : fail(sql, rc, words);

	if (err < 0) {
		(void)sqlite3_close(sql);
		if (is_new) {
			(void)unlink(path);
		}
		return err;
	}
	*ret = sql;
	return 0;
}

int merge_open(const char *path, const char *version, sqlite3 **ret, int *ret_lock,
	char ret_words[MERGE_WORDS_MAX]) {
	char *place = location_resolve(path);
	int lock = -1, err = place != NULL ? location_check(place, ret_words) : -ENOMEM;

	if (err == 0) {
		err = location_lock(place, &lock, ret_words);
	}
	if (err == 0) {
		err = open_locked(place, version, ret, ret_words);
	} else if (ret_words[0] == '\0') {
		snprintf(ret_words, MERGE_WORDS_MAX, "%s", strerror(-err));
	}
	free(place);
	if (err < 0) {
		if (lock >= 0) {
			(void)close(lock);
		}
		return err;
	}
	*ret_lock = lock;
	return 0;
}

int merge_update(sqlite3 *older, sqlite3 **ret, char ret_words[MERGE_WORDS_MAX]) {
	sqlite3 *copy = NULL;
	int rc = sqlite3_open_v2("", &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	sqlite3_backup *backup =
		rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", older, "main") : NULL;

	if (backup != NULL) {
		(void)sqlite3_backup_step(backup, -1);
		rc = sqlite3_backup_finish(backup);
	} else if (rc == SQLITE_OK) {
		rc = sqlite3_errcode(copy);
	}
	/* Its log is the other's; a copy has none. */
	rc = rc == SQLITE_OK ? sqlite3_exec(copy, "PRAGMA journal_mode = delete", NULL, NULL, NULL)
			     : rc;
	rc = rc == SQLITE_OK ? schema_migrate(copy) : rc;
	if (rc != SQLITE_OK) {
		int err = fail(copy, rc, ret_words);
		(void)sqlite3_close(copy);
		return err;
	}
	*ret = copy;
	return 0;
}

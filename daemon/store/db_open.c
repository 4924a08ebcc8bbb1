/* A database opened: whose it is, what it is set to, its first transaction. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "db.h"
#include "location.h"
#include "schema.h"

#define BUSY_TIMEOUT_MS 100 /* others only ever write a moment: a migration by hand, a checkpoint */
#define BUSY_TIMEOUT_OPENING_MS                                                                    \
	2000                 /* nobody is waiting yet, and what does not open ends the daemon */
#define WAL_FRAME_BYTES 4120 /* a page and its header */

static int exec(struct db *db, const char *sql) {
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
}

static int say(struct db *db, int err, char ret_words[DB_WORDS_MAX]) {
	if (err == -EBUSY) {
		snprintf(ret_words, DB_WORDS_MAX,
			"%.150s is locked by another program that writes: end that (fuser tells "
			"which)",
			db->path);
		return err;
	}
	snprintf(ret_words, DB_WORDS_MAX, "%s: %s", db->path,
		db->sql != NULL && sqlite3_errcode(db->sql) != SQLITE_OK ? sqlite3_errmsg(db->sql)
									 : strerror(-err));
	return err;
}

/* Whose the file is. */
static int inspect(struct db *db, char ret_words[DB_WORDS_MAX]) {
	int version = 0;
	switch (schema_inspect(db->sql, &version)) {
	case SCHEMA_EMPTY:
		db->created = true;
		return 0;
	case SCHEMA_CURRENT:
	case SCHEMA_OLDER:
		return 0;
	case SCHEMA_NEWER:
		snprintf(ret_words, DB_WORDS_MAX,
			"%s was written by a newer sae-metricsd (schema %d, this one knows %d): "
			"install "
			"that, or use another database",
			db->path, version, SCHEMA_VERSION);
		return -EPROTO;
	case SCHEMA_FOREIGN:
		snprintf(ret_words, DB_WORDS_MAX,
			"%s is another program's database: use another path", db->path);
		return -EINVAL;
	case SCHEMA_ILLEGIBLE:
		break;
	}
	int err = db_error(db->sql, sqlite3_extended_errcode(db->sql));
	if (err == -EBADMSG && !location_looks_ours(db->path, SCHEMA_APPLICATION_ID)) {
		snprintf(ret_words, DB_WORDS_MAX,
			"%s is there already and is no database of sae-metricsd: use another path",
			db->path);
		return -EINVAL;
	}
	return say(db, err < 0 ? err : -EIO, ret_words);
}

static int on_wal(void *user, sqlite3 *sql, const char *name, int pages) {
	struct db *db = user;
	(void)sql;
	(void)name;
	db->wal_bytes = (size_t)pages * WAL_FRAME_BYTES;
	return SQLITE_OK;
}

/* auto_vacuum only takes effect before the first table: retention can then give pages back bit by bit.
 *
 * secure_delete: Debian's SQLite writes zeros over what is deleted, which for lines that W&B has taken is as
 * much again as was stored. No key is ever here; zeros that cost a write are left out. */
static int configure(struct db *db) {
	int rc = SQLITE_OK;
	if (db->created) {
		rc = exec(db, "PRAGMA auto_vacuum = incremental");
	}
	if (rc == SQLITE_OK) {
		rc = exec(db, "PRAGMA journal_mode = wal; PRAGMA synchronous = full;"
			      "PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = fast");
	}
	/* In place of SQLite's own hook, which would run checkpoints inside COMMIT. */
	(void)sqlite3_wal_hook(db->sql, on_wal, db);
	return rc == SQLITE_OK ? schema_migrate(db->sql) : rc;
}

/* Runs a statement with one blob, one real and one text bound as far as it has them. */
static int write_meta(struct db *db, const char *sql, const char *version) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL);
	if (rc == SQLITE_OK) {
		uint8_t id[DB_ID_SIZE];
		if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
			(void)sqlite3_finalize(st);
			return SQLITE_IOERR;
		}
		(void)sqlite3_bind_blob(st, sqlite3_bind_parameter_index(st, ":id"), id, sizeof id,
			SQLITE_TRANSIENT);
		(void)sqlite3_bind_double(
			st, sqlite3_bind_parameter_index(st, ":now"), clock_wall());
		(void)sqlite3_bind_text(st, sqlite3_bind_parameter_index(st, ":version"), version,
			-1, SQLITE_STATIC);
		(void)sqlite3_step(st);
	}
	int final = sqlite3_finalize(st);
	return rc == SQLITE_OK ? final : rc;
}

static int read_meta(struct db *db) {
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		db->sql, "SELECT db_id, epoch FROM meta WHERE id = 1", -1, &st, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
	}
	if (rc == SQLITE_ROW && sqlite3_column_bytes(st, 0) == (int)sizeof db->id) {
		memcpy(db->id, sqlite3_column_blob(st, 0), sizeof db->id);
		db->epoch = sqlite3_column_int64(st, 1);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		rc = SQLITE_CORRUPT; /* ours, but without its first row */
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* What went wrong stays what is said. */
static void roll_back(struct db *db) {
	if (sqlite3_get_autocommit(db->sql) == 0) {
		(void)exec(db, "ROLLBACK");
	}
}

/* The first row may be missing from a file that is not new: it is written after the tables, and a kill or a log that
 * was cut short can fall between. */
static int begin_epoch(struct db *db, const char *version) {
	int rc = exec(db, "BEGIN IMMEDIATE");
	if (rc != SQLITE_OK) {
		return rc;
	}
	rc = write_meta(db,
		"INSERT INTO meta SELECT 1, :id, 0, :now, :version WHERE NOT EXISTS (SELECT 1 FROM "
		"meta)",
		version);
	if (rc == SQLITE_OK) {
		rc = write_meta(db,
			"UPDATE meta SET epoch = epoch + 1, daemon_version = :version WHERE id = 1",
			version);
	}
	if (rc == SQLITE_OK) {
		rc = read_meta(db);
	}
	if (rc == SQLITE_OK) {
		rc = exec(db, "COMMIT");
	}
	if (rc != SQLITE_OK) {
		roll_back(db);
	}
	return rc;
}

int db_rename(struct db *db) {
	int rc = write_meta(db, "UPDATE meta SET db_id = :id WHERE id = 1", NULL);
	return db_error(db->sql, rc == SQLITE_OK ? read_meta(db) : rc);
}

static int open_file(struct db *db, const char *path) {
	int rc = sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (db->sql == NULL) {
		return -ENOMEM;
	}
	if (rc == SQLITE_CANTOPEN) {
		int sys_errno = sqlite3_system_errno(db->sql);
		return sys_errno > 0 ? -sys_errno : -EIO;
	}
	(void)sqlite3_extended_result_codes(db->sql, 1);
	(void)sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_OPENING_MS);
	/* Closing must not touch a file that turns out damaged or somebody else's. */
	(void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return db_error(db->sql, rc);
}

static int open_and_check(
	struct db *db, const char *path, const char *version, char ret_words[DB_WORDS_MAX]) {
	db->path = strdup(path);
	if (db->path == NULL) {
		return -ENOMEM;
	}
	int err = location_create(path);
	if (err == 0) {
		err = open_file(db, path);
	}
	if (err == 0 && stat(path, &db->opened) < 0) {
		err = -errno;
	}
	if (err < 0) {
		return say(db, err, ret_words);
	}
	err = inspect(db, ret_words);
	if (err < 0) {
		return err;
	}

	int rc = configure(db);
	if (rc == SQLITE_OK) {
		rc = begin_epoch(db, version);
	}
	if (rc == SQLITE_OK) {
		rc = writer_prepare(&db->writer, db->sql);
	}
	(void)sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_MS);
	err = db_error(db->sql, rc);
	return err < 0 ? say(db, err, ret_words) : 0;
}

int db_open(struct db *db, const char *path, const char *version, char ret_words[DB_WORDS_MAX]) {
	*db = (struct db){0};
	int err = open_and_check(db, path, version, ret_words);
	if (err < 0) {
		db_abandon(db);
	}
	return err;
}

bool db_is_damaged(const char *path, bool whole) {
	sqlite3 *sql = NULL;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(sql, BUSY_TIMEOUT_OPENING_MS);
		rc = sqlite3_prepare_v2(sql,
			whole ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", -1, &st,
			NULL);
	}
	bool damaged = false;
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *words = (const char *)sqlite3_column_text(st, 0);
		damaged = words == NULL || strcmp(words, "ok") != 0;
	}
	damaged = damaged || (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
	damaged = damaged && sql != NULL && !db_could_not_read(sql);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close_v2(sql);
	return damaged;
}

#include "db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"
#include "location.h"

bool db_blames_row(int rc) {
	int primary = rc & 0xff;
	return primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH ||
	       primary == SQLITE_TOOBIG;
}

/* Why the last write or read of a file failed, as the system said it. */
static int last_errno(sqlite3 *sql, int which) {
	sqlite3_file *file = NULL;
	int sys_errno = 0;
	if (sqlite3_file_control(sql, "main", which, &file) == SQLITE_OK && file != NULL &&
		file->pMethods != NULL) {
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &sys_errno);
	}
	return sys_errno;
}

static bool no_room(sqlite3 *sql) {
	int sys_errno = last_errno(sql, SQLITE_FCNTL_JOURNAL_POINTER); /* the log, that is */
	return sys_errno == EDQUOT || sys_errno == EFBIG;
}

bool db_could_not_read(sqlite3 *sql) {
	static const int files[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		int sys_errno = last_errno(sql, files[i]);
		if (sys_errno == EIO || sys_errno == ENXIO || sys_errno == ERANGE) {
			return true;
		}
	}
	return false;
}

int db_error(sqlite3 *sql, int rc) {
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return db_could_not_read(sql) ? -EIO : -EBADMSG;
	default:
		break;
	}
	/* SQLite calls only ENOSPC full; a quota and a file size limit are no different. A write that found
	 * no room has written nothing that counts; a failed sync is another matter. */
	if (rc == SQLITE_IOERR_WRITE && no_room(sql)) {
		return -ENOSPC;
	}
	return rc == SQLITE_IOERR_NOMEM ? -ENOMEM : rc == SQLITE_READONLY_DBMOVED ? -ESTALE : -EIO;
}

void db_abandon(struct db *db) {
	writer_finish(&db->writer);
	(void)sqlite3_close_v2(db->sql);
	free(db->path);
	*db = (struct db){0};
}

void db_close(struct db *db) {
	if (db->sql != NULL) {
		(void)sqlite3_wal_checkpoint_v2(
			db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		(void)sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	}
	db_abandon(db);
}

struct slot_ref db_column_slot(sqlite3_stmt *st, int at) {
	return (struct slot_ref){
		.slot = (uint32_t)sqlite3_column_int(st, at),
		.generation = (uint64_t)sqlite3_column_int64(st, at + 1),
		.checksum = (uint64_t)sqlite3_column_int64(st, at + 2),
	};
}

/* Another daemon, or a file put in our place: neither may be written by us. */
static int check_epoch(struct db *db) {
	sqlite3_stmt *st = db->writer.statements[STATEMENT_EPOCH];
	int rc = sqlite3_step(st);
	bool ours = rc == SQLITE_ROW && sqlite3_column_int64(st, 0) == db->epoch;
	(void)sqlite3_reset(st);
	return ours ? 0 : rc == SQLITE_ROW || rc == SQLITE_DONE ? -ESTALE : db_error(db->sql, rc);
}

int db_begin(struct db *db) {
	if (!location_is_same(db->path, &db->opened)) {
		return -ESTALE;
	}
	int err = db_error(db->sql, writer_run(&db->writer, STATEMENT_BEGIN));
	CRASH_POINT("after-begin");
	return err == 0 ? check_epoch(db) : err;
}

int db_commit(struct db *db) {
	CRASH_POINT("before-commit");
	int err = db_error(db->sql, writer_run(&db->writer, STATEMENT_COMMIT));
	CRASH_POINT("after-commit");
	return err;
}

void db_rollback(struct db *db) {
	if (sqlite3_get_autocommit(db->sql) == 0) {
		(void)writer_run(&db->writer, STATEMENT_ROLLBACK);
	}
}

#ifdef SAE_METRICSD_CRASH_POINTS
/* A checkpoint is one call: its middle is where SQLite writes a page of the database. */
static __thread bool checkpointing;
static ssize_t (*write_page)(int fd, const void *data, size_t len, off_t at);

static ssize_t write_page_and_maybe_die(int fd, const void *data, size_t len, off_t at) {
	ssize_t n = write_page(fd, data, len, at);
	if (checkpointing) {
		CRASH_POINT("during-checkpoint");
	}
	return n;
}

static void watch_checkpoint(bool on) {
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	checkpointing = on;
	if (write_page == NULL) {
		write_page = (__typeof__(write_page))vfs->xGetSystemCall(vfs, "pwrite64");
		(void)vfs->xSetSystemCall(
			vfs, "pwrite64", (sqlite3_syscall_ptr)write_page_and_maybe_die);
	}
}
#else
#define watch_checkpoint(on) ((void)0)
#endif

int db_checkpoint(struct db *db, bool *ret_pinned) {
	int in_log = 0, copied = 0;
	watch_checkpoint(true);
	int rc = sqlite3_wal_checkpoint_v2(
		db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
	watch_checkpoint(false);
	/* Somebody else's checkpoint is as good as ours. */
	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY) {
		*ret_pinned = copied < in_log;
		if (!*ret_pinned) {
			db->wal_bytes = 0; /* the next commit starts at its beginning */
		}
		return 0;
	}
	return db_error(db->sql, rc);
}

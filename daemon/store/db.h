/* The database through SQLite: opening it, whose it is, its transactions' frame, its write-ahead
 * log. Knows no threads: a struct db belongs to whoever works with it at the moment. SQLite's codes
 * become ours here and nowhere else:
 *
 *   -ENOSPC   the disk is full (or a quota, or a file size limit): nothing has happened
 *   -EBUSY    somebody else writes: nothing has happened
 *   -ENOMEM   nothing has happened
 *   -EBADMSG  the file seems damaged: see db_is_damaged
 *   -ESTALE   the file at this path is not the one that was opened, or another daemon's now
 *   -EIO      anything else: what happened is unknown, reopen */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "bounds.h"
#include "slots.h"
#include "writer.h"

#define DB_WORDS_MAX 256

struct db { /* stays where it is while open */
	sqlite3 *sql;
	struct writer writer;
	char *path;
	struct stat opened; /* which file that path led to */
	uint8_t id[DB_ID_SIZE];
	int64_t epoch;
	bool created;     /* by this db_open */
	size_t wal_bytes; /* of the write-ahead log after the last commit */
};

/* Opens, creates or migrates, and begins a new epoch. On failure *db is closed and words say what is
 * wrong and what to do: -EPROTO (of a newer program), -EINVAL (not ours), -EBADMSG, or another. */
int db_open(struct db *db, const char *path, const char *version, char ret_words[DB_WORDS_MAX]);
/* Empties the write-ahead log into the database, as far as readers let it. */
void db_close(struct db *db);
/* Closes and leaves the files as they are. */
void db_abandon(struct db *db);

/* Gives the database another id: it was put back from a copy. */
int db_rename(struct db *db);

/* Whether quick_check agrees that the file is damaged; or, of the whole, integrity_check. Slow, and slower. */
bool db_is_damaged(const char *path, bool whole);

/* A transaction that writes: begun only in our own epoch and file. */
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);

/* Copies the write-ahead log into the database without waiting for anybody. *ret_pinned: some of
 * it had to stay because somebody still reads an older state. */
int db_checkpoint(struct db *db, bool *ret_pinned);

/* What three columns name: slot, generation, checksum. */
struct slot_ref db_column_slot(sqlite3_stmt *st, int at);

/* SQLite calls it damage, too, when the disk fails a read: whether that is what its last word means. */
bool db_could_not_read(sqlite3 *sql);
/* Our code for SQLite's. */
int db_error(sqlite3 *sql, int rc);
/* Whether SQLite's code blames the row: it was there already, or does not fit its columns. */
bool db_blames_row(int rc);

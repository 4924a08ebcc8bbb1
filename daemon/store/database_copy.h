/* A closed copy of a database that may be in use: one file, journal_mode DELETE, consistent as of the moment the copying
 * began. Written beside its place under a temporary name, synced, and renamed.
 *
 * By SQLite's backup API rather than VACUUM INTO: pages are copied as they are, in small portions, each soon on disk.
 * A copy in one go would leave a disk's worth of unwritten pages behind it, which the daemon's next commit would have to
 * wait for. All of it is read within one transaction, so that no commit makes the copying begin again; commits are not
 * held up by that, the write-ahead log only stays as long as the copying takes. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DATABASE_COPY_WORDS_MAX 512

struct database_copy {
	const char *to;          /* a file, or where one is to be; a link is followed */
	bool replace;            /* a file that is there already */
	const atomic_bool *stop; /* looked at all the time */
	uint64_t
		keep_free_bytes; /* as space.h has it; a copy that leaves less is not begun, or not finished */
};

struct database_copied {
	uint64_t n_bytes;
	int64_t n_runs;
	double newest_step; /* when it was made; 0: there is none */
};

/* 0, or -errno with words and nothing left behind. Among them -EEXIST (it is there, and not to be replaced), -EINVAL (it is
 * the database itself, or part of one in use), -ENOSPC, -EINTR (it was told to stop). */
int database_copy(sqlite3 *from, const struct database_copy *copy, struct database_copied *ret,
	char ret_words[DATABASE_COPY_WORDS_MAX]);

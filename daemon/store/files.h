/* What a store has on disk, opened together and in this order: the lock, the database, the state
 * files beside it. Decides what becomes of a database that is damaged or was put back from a copy. */
#pragma once

#include "db.h"
#include "slots.h"

struct files {
	char *path, *version;
	int lock_fd;
	struct db db;
	struct slots slots;
	bool replaced; /* a damaged database was set aside, and a new one is begun: until its owner says no, that is not doubted */
	char news[DB_WORDS_MAX]; /* what opening found and did, one sentence; "" when nothing */
};

/* As store_open. On failure everything is closed again. */
int files_open(
	struct files *f, const char *path, const char *version, char ret_words[DB_WORDS_MAX]);

/* How much speaks for damage. SQLite's checks do not find all that keeps it from writing: a list of free pages that leads
 * nowhere passes them. */
enum doubt {
	DOUBT_NONE = 0,
	DOUBT_QUICK,  /* once: quick_check is asked */
	DOUBT_WHOLE,  /* again, although that found nothing: integrity_check is */
	DOUBT_CERTAIN /* again, although that found nothing */
};

/* Opens the database anew: after an error that leaves open what happened, or that looks like
 * damage; only what is damaged is set aside. May be tried again. */
int files_reopen(struct files *f, enum doubt doubt, char ret_words[DB_WORDS_MAX]);

/* Empties the database's log first, unless a reopening had failed. */
void files_close(struct files *f);

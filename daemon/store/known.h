/* What the database says of each run that was written since it was opened, so that a commit reads
 * nothing: the run's number, which slots are named, which marks have files. Kept when a damaged
 * database is replaced: the new one is told of the slots that are there. */
#pragma once

#include <stdbool.h>

#include "batch.h"
#include "db.h"

struct names {
	int64_t n; /* 0: the database does not know the run */
	struct slot_ref hot, base;
	int64_t mark_first, mark_last; /* restore points whose files are kept */
	bool forwards;                 /* W&B is to have it */
	int64_t forward_lines;         /* decided … */
	int64_t forward_step;          /* … the newest of this step; -1: none */
	uint32_t forward_summary;      /* a hash of what is stored; 0: not known */
	bool rejected;
};

struct known_run {
	char id[RUN_ID_MAX + 1]; /* first: it is the key of the tree */
	struct names now, next;  /* committed; in the transaction at hand */
	char *why;               /* why it is rejected */
	struct known_run *next_touched;
	struct run_cut *cuts, **tail; /* of the batch at hand */
};

struct known {
	void *tree;
};

void known_finish(struct known *k);

/* NULL when it was not asked for yet. */
struct known_run *known_find(const struct known *k, const char *run_id);
/* Asks the database the first time. */
int known_get(struct known *k, struct db *db, const struct run_cut *cut, struct known_run **ret);
/* The run was removed: should it come again, it is new. No cut of it is at hand. */
void known_forget(struct known *k, const char *run_id);
/* To an empty database every run is new. */
void known_renumber(struct known *k);

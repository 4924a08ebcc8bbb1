/* A batch of cuts made durable: arrays into the slots the database does not name, synced, then one
 * transaction that names them. Remembers of each run what the database names, so that a
 * commit reads nothing. */
#pragma once

#include "db.h"
#include "registry.h"
#include "slots.h"

/* Cuts in the order they came. Owns them. */
struct batch {
	struct run_cut *first, **tail;
	struct run_cut *rejected; /* filled by commit_batch */
	size_t bytes;
};

void batch_init(struct batch *b);
void batch_put(struct batch *b, struct run_cut *cut); /* takes */
void batch_clear(struct batch *b);                    /* destroys the cuts */
void cuts_destroy(struct run_cut *first);

struct committer {
	struct db *db;                 /* borrowed */
	const struct slots *slots;     /* borrowed */
	void *runs;                    /* a tree of what is known of each run */
	struct committed_run *touched; /* those in the batch at hand */
	char words[DB_WORDS_MAX];      /* of the last failure */
};

void committer_init(struct committer *c, struct db *db, const struct slots *slots);
void committer_finish(struct committer *c);

/* Commits all of the batch or, below 0, nothing of it: codes as in db.h, and -EAGAIN when a
 * slot cannot be written.
 *
 * A run whose rows collide with what is there has broken the rule that rows are new: that
 * run alone is left out, marked stopped in the database, and its cuts are moved to `rejected`; so are all
 * later ones until the daemon is started again. commit_why says why. */
int commit_batch(struct committer *c, struct batch *batch);
const char *commit_why(const struct committer *c, const char *run_id);

/* The database was replaced by an empty one: every run is new to it, but its slots are what they were. */
void committer_renumber(struct committer *c);

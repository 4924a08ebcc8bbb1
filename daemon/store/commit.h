/* A batch of cuts made durable: arrays into the slots the database does not name, synced, then one
 * transaction that names them. */
#pragma once

#include "batch.h"
#include "db.h"
#include "front_watch.h"
#include "known.h"
#include "slots.h"

struct committer {
	struct db *db;             /* borrowed */
	const struct slots *slots; /* borrowed */
	struct front_rules front;  /* of the next commit */
	struct known known;
	struct known_run *touched; /* those in the batch at hand */
	char words[DB_WORDS_MAX];  /* of the last failure */
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

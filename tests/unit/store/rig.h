/* What most tests of the database stand on: one in a place of its own, its state files, and who commits to it. */
#pragma once

#include "commit.h"
#include "cut.h"

extern struct db db;
extern struct slots slots;
extern struct committer committer;
extern char path[256]; /* of the database */

/* For cmocka, or to be called first … */
int rig_setup(void **state);
/* … and last. */
int rig_teardown(void **state);

/* Commits it, as a batch of its own, and destroys it. */
void cut_commit(struct run_cut *cut);

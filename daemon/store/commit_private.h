/* Inside of commit: for commit*.c alone. */
#pragma once

#include "commit.h"

/* Puts the rows of all of the run's cuts into the transaction at hand, its marks into files, and what they make of the front into
 * its last cut. Where they collide with what is there nothing of them stays, and run->next is rejected. 0, or broken. */
int commit_run(struct committer *c, struct known_run *run);

/* A slot or a mark cannot be written: says so in the words, and is what the commit ends with. */
int commit_slot_failed(struct committer *c, int err);

/* What a run's cuts brought for the front is not news: they were not committed. */
void commit_forget_news(struct known_run *run);

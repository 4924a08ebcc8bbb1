/* How a run ends: each rank says so itself, or is known to be gone. */
#pragma once

#include "registry.h"

/* FINISH: the rank has ended, and with the last of them the run. */
void ending_finish(struct stream *s, const struct msg_finish *finish, struct instant now);

/* It goes on: a new launch of it, or a process in the place of one that had ended. */
void run_forget_end(struct run *run);

/* Another process takes the rank over: what the one before said of its end is not why the run ends. */
void run_forget_words_of(struct run *run, uint32_t rank);

/* Ends the run if every rank of it has finished or is gone. */
void run_check_end(struct run *run, struct instant now);

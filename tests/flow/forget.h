/* What the engine does on its own when it needs memory, or what becomes of connections, at once: for tests. A file apart, because the engine and
 * the tests both have their peers. */
#pragma once

#include <stdint.h>

struct engine;

/* The run is in the database alone, and its connections are closed. */
void forget_run(struct engine *e, const char *id);

/* What users have on disk is counted anew. */
void count_usage(struct engine *e);
/* This user's questions: how many are not over, and not even answered; when the last one began, and the time before which none will. */
struct asking_of {
	uint32_t n_questions, n_made;
	uint64_t asked_ns, rest_ns;
};
struct asking_of asking_of(struct engine *e, uint32_t uid);
/* His large runs are committed no more. */
void let_large_rest(struct engine *e, uint32_t uid);
/* Closes the n readers who have waited longest to ask. */
void close_who_waits(struct engine *e, uint32_t n);
/* The first reader's user has used so much of the loop's time. */
void spend_of_readers(struct engine *e, uint64_t ns);

/* A handle: an opening, a stream and a link, and who may use them. */
#pragma once

#include "link.h"
#include "places.h"
#include "vector.h"

#define RUN_END_WORDS_MAX 512u /* a line of a screen or two */

struct saem_run {
	struct opening opening;
	struct stream stream;
	struct link link;
	struct places_sockets sockets; /* what the link's paths are borrowed from */

	bool off;                          /* SAE_METRICS=off: there is nothing but the opening */
	uint32_t generation;               /* of the process it was opened in */
	uint32_t refs;                     /* the handle's, the sender's, an exit's; atomic */
	double opened_at_s;                /* on the monotonic clock */
	struct msg_finish finish;          /* what it ended with, for a note */
	char end_words[RUN_END_WORDS_MAX]; /* its words */
	struct saem_run *next_exiting;

	/* The forms of the last step's counts, and of pairs how many: the guess for the next
	 * step's. */
	struct {
		enum counts_form form;
		uint32_t n_entries;
	} last_counts[2];
};

/* Whether a call on it must do nothing. */
bool run_is_inert(const struct saem_run *run);

/* Notes what was expected, for saem_get_stats. Returns -EINVAL. The stream's lock is not held. */
int run_misused(struct saem_run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Seconds since it was opened. */
double run_elapsed_s(const struct saem_run *run);

/* Whoever holds one keeps it alive. */
void run_ref(struct saem_run *run);
void run_unref(struct saem_run *run);
struct saem_run *run_of(struct link *l);

/* At the end of the process: whatever was not finished ends with its status, all within one
 * budget. */
void run_finish_all(int exit_status);

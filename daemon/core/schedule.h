/* How many rows (tokens) each step had, as runs of steps with the same number: what turns "last
 * fired at step s" into "silent for so many tokens".
 *
 * A run with one batch size is one segment, whatever its length; a short batch now and then
 * makes two more. Beyond SCHEDULE_SEGMENTS the two neighbours whose union bends the curve
 * least become one, within which rows are spread evenly: sums over whole segments stay
 * exact, a moment within one is off by less than the batches it joined differ.
 *
 * Whoever folds steps calls schedule_append once a folded step, in order, with the rows of
 * all ranks together, and schedule_truncate when the run goes back. The struct is plain data: it
 * is saved as its `n` first segments. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Some 4 KiB of a run's state; a short batch every epoch for 128 epochs. */
#define SCHEDULE_SEGMENTS 256u

struct schedule_segment {
	uint32_t first, last; /* steps */
	uint64_t through;     /* rows of all steps up to and including `last` */
	bool joined;          /* of several: at a moment within it they are about right */
};

struct schedule {
	uint32_t n;
	struct schedule_segment segments[SCHEDULE_SEGMENTS + 1]; /* ascending, not overlapping */
};

/* `step` is above every step before it. */
void schedule_append(struct schedule *s, uint32_t step, uint64_t rows);

/* Forgets the steps after `step`; UINT32_MAX (the step before 0) forgets all. */
void schedule_truncate(struct schedule *s, uint32_t step);

/* Rows of all steps. */
uint64_t schedule_total(const struct schedule *s);

/* Rows of the steps after `last`, up to and including `now`; UINT32_MAX is the step before 0. */
uint64_t schedule_tokens_since(const struct schedule *s, uint32_t last, uint32_t now);

/* Whoever last fired at `certain` or before has been silent for so many rows, or more, by the end of the last step; whoever did
 * behind `possible` has not. In between that is not known: there batches were joined. Most often both are the same. False:
 * fewer rows were folded in all. */
struct schedule_silence {
	int64_t certain, possible;
};
bool schedule_silent_for(const struct schedule *s, uint64_t rows, struct schedule_silence *ret);

/* The mean over features of the rows since each last fired (firing.last), after step `now`.
 * Reads `last` once, or twice where batches differed; made for metrics rows, not for every step. */
double schedule_mean_tokens_since(
	const struct schedule *s, const uint32_t *last, uint32_t d_sae, uint32_t now);

/* The open sparsity window: which steps its counts hold, and what is wrong with them.
 *
 * A window is named by its boundary, the step n with (n + 1) % W == 0; its row is that step's, or the next one's. Where the
 * profile closes before the fold, step n itself belongs to the next window, and the first one has
 * W - 1 steps. Numbers only: the counts themselves are in struct firing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct window {
	uint32_t length;    /* W; 0: not open yet */
	bool closes_before; /* before the fold of its boundary */
	uint64_t boundary;
	uint32_t n_steps;               /* folded */
	uint32_t step_first, step_last; /* of these */
	uint32_t excused;               /* steps before a resume: missing, but not lost */
	uint64_t n_rows;                /* what its counts are divided by */
	uint64_t n_rows_counted;        /* rows the counts were taken over: bounds them */
	uint32_t flaws;                 /* enum window_flaw */
	uint32_t next_flaws;            /* of the window behind it */
	uint32_t dead_before;           /* dead features when it opened */
	uint32_t revived;
};

/* Opens the window that a fold of `step` goes into. */
void window_open(struct window *w, uint32_t length, bool closes_before, uint32_t step);

/* The window behind w. */
void window_open_next(struct window *w);

uint32_t window_ordinal(const struct window *w);
/* The first and the last step that belong to it, and how many do. */
uint64_t window_begin(const struct window *w);
uint64_t window_end(const struct window *w);
uint32_t window_steps_expected(const struct window *w);

/* Whether, with `step` folded next, the window has to be closed first: it ended before. */
bool window_ends_before(const struct window *w, uint32_t step);
/* Whether it ends with `step`, after the fold. */
bool window_ends_after(const struct window *w, uint32_t step);

/* How many windows from w on, itself included, end before `step` without having seen a step. */
uint64_t window_count_skipped(const struct window *w, uint32_t step);

void window_count_step(struct window *w, uint32_t step);

/* A step of it, or of the one behind it, has that flaw. Steps before it are past: nothing happens. */
void window_blame(struct window *w, int64_t step, uint32_t flaw);

/* The counts of its steps are lost. */
void window_forget_counts(struct window *w);

/* Its flaws, steps missing up to and including `through` among them. */
uint32_t window_flaws(const struct window *w, uint64_t through);

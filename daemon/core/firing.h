/* Which feature fired how often, and when last: the 16 bytes a feature costs.
 *
 * window[i]  rows of the open sparsity window on which feature i was nonzero
 * last[i]    the last step it fired at (positive, or nonzero: the profile's word);
 *            before it ever fired: the step before the run's first one, modulo 2^32
 * base[i]    rows before the open window; all-time count = base[i] + window[i]
 *
 * "Passes since fired" after step n is (int32_t)(n - last[i]), never negative.
 * Everything here is a loop over d_sae features, branch-free, built for the
 * machine it runs on (target_clones) at -O3: plain -O2 is 13 times slower. */
#pragma once

#include <stdint.h>

#include "message.h"

struct firing {
	uint32_t d_sae;
	uint32_t *window; /* [d_sae] */
	uint32_t *last;   /* [d_sae] */
	uint64_t *base;   /* [d_sae] */
};

/* What one fold found. */
struct fold_sums {
	uint64_t positive; /* sum of the positive counts: l0 × rows */
	uint64_t nonzero;  /* sum of the nonzero counts */
	uint32_t revived;  /* features that fired after more than dead_window silent passes */
};

/* 0 or -ENOMEM. `before` is the step before the first: all features last fired then. */
int firing_init(struct firing *f, uint32_t d_sae, uint32_t before);
void firing_finish(struct firing *f);

/* Folds one step's counts (checked by counts_check). `positive` may be NULL or of form
 * COUNTS_NONE: the same as nonzero. With `fires_nonzero` a feature fires when it is nonzero
 * (SAELens), else when it is positive (Prisma); that decides `last` and `revived`. */
void firing_fold(struct firing *f, const struct counts *nonzero, const struct counts *positive,
	bool fires_nonzero, uint32_t step, uint32_t dead_window, struct fold_sums *ret);

/* Adds a step's counts of one rank to a dense vector of sums (integer sums do not
 * depend on the order of ranks). */
void counts_add(uint32_t *sums, uint32_t d_sae, const struct counts *counts);

/* Features with (int32_t)(step - last) > dead_window. */
uint32_t firing_count_dead(const struct firing *f, uint32_t step, uint32_t dead_window);

/* Features that last fired at `step`, −1 at the least, or before. */
uint32_t firing_count_through(const struct firing *f, int64_t step);

/* Sum over features of (int32_t)(step - last). */
uint64_t firing_sum_passes(const struct firing *f, uint32_t step);

/* base += window, window = 0. */
void firing_close_window(struct firing *f);

/* Features whose all-time count is zero. */
uint32_t firing_count_never(const struct firing *f);

/* last = min(last, step): a run that went back to `step` without its state. */
void firing_clamp_last(struct firing *f, uint32_t step);

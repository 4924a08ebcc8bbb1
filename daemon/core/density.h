/* What a closed sparsity window says about its features' densities: the share
 * of rows on which each fired, count / rows.
 *
 * Computed from the tally of the integer counts (count → how many features have it), then one
 * double log10 a distinct count, kept for the next window of as many rows: exact, and several times
 * faster at a million features than a log10 a feature. The numeric policy is the reference
 * trainers': density = f32(count) / f32(rows); v = f32(log10(f32(density + f32(1e-10)))). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "wandb_histogram.h"

#define FIXED_BINS_DECADE 20u
#define FIXED_BINS        200u /* [-10, 0), the last one closed at 0 */
#define DENSITY_QUANTILES 5u   /* 0.1, 0.25, 0.5, 0.75, 0.9 */

struct density_summary {
	uint32_t d_sae;
	uint64_t n_rows;
	double mean_log10; /* of v over all features; NaN when n_rows is 0 */
	/* Strict: count × 10^5 < rows. One that never fired is below. */
	uint32_t below_1e_5, below_1e_6;
	uint32_t never_fired;
	uint32_t above_1e_2, above_1e_1; /* dense features, strict */
	uint32_t n_thresholds;
	double thresholds[THRESHOLDS_MAX];
	uint32_t below[THRESHOLDS_MAX]; /* strict and in integers, as below_1e_5: threshold.h */
	/* Of log10(count / rows) over the features that fired in the window: those that did not
	 * have no logarithm and are left out, never_fired says how many. Interpolated linearly
	 * between neighbours (numpy's default). NaN when none fired. */
	uint32_t n_quantile_features;
	double quantiles[DENSITY_QUANTILES];
	/* The histogram the reference logs: auto range over v. has_wandb false when n_rows is 0. */
	bool has_wandb;
	uint32_t wandb_counts[WANDB_BINS];
	float wandb_edges[WANDB_BINS + 1];
	/* Ours: fixed bins over log10(count / rows), never-fired apart (never_fired). What lies
	 * outside of [-10, 0] is in the first or last bin. */
	uint32_t fixed_counts[FIXED_BINS];
};

/* Reusable workspace: 512 KiB, and 16 bytes a distinct count (at most d_sae of them), 8 a
 * feature with a count of 2^16 or more. */
struct density_scratch;
struct density_scratch *density_scratch_create(void);
void density_scratch_destroy(struct density_scratch *s);

/* Summarises counts[d_sae] over n_rows. thresholds are copied into the summary.
 * 0 or -ENOMEM. */
int density_summarise(const uint32_t *counts, uint32_t d_sae, uint64_t n_rows,
	const double *thresholds, uint32_t n_thresholds, struct density_scratch *scratch,
	struct density_summary *ret);

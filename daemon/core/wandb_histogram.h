/* wandb.Histogram as the reference logs it: np.histogram(values, bins=64) as numpy < 2 rounds its edges. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WANDB_BINS 64u /* wandb.Histogram's default */

/* Of n floats, which ascend. below[n + 1]: values[i] counts below[i + 1] - below[i] times, and below[0] is 0; NULL: once each.
 * lo == hi widens by 0.5 on both sides. false when a value is not finite or n is 0. */
bool wandb_histogram(const float *values, const uint32_t *below, uint32_t n,
	uint32_t counts[WANDB_BINS], float edges[WANDB_BINS + 1]);

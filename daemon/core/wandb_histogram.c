#include "wandb_histogram.h"

#include <math.h>
#include <stddef.h>

/* In double and then rounded, also where lo == hi: what numpy < 2 does with 32-bit values. */
static void fill_edges(double lo, double hi, float edges[WANDB_BINS + 1]) {
	if (lo == hi) {
		lo -= 0.5;
		hi += 0.5;
	}
	double step = (hi - lo) / WANDB_BINS;
	for (uint32_t i = 0; i < WANDB_BINS; i++) {
		edges[i] = (float)(i * step + lo);
	}
	edges[WANDB_BINS] = (float)hi;
}

/* How many of the values, which ascend, are below the edge. */
static uint32_t values_below(const float *values, uint32_t n, float edge) {
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (values[middle] < edge) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

bool wandb_histogram(const float *values, const uint32_t *below, uint32_t n,
	uint32_t counts[WANDB_BINS], float edges[WANDB_BINS + 1]) {
	if (n == 0 || !isfinite(values[0]) || !isfinite(values[n - 1])) {
		return false;
	}
	fill_edges((double)values[0], (double)values[n - 1], edges);
	uint32_t before = 0;
	for (uint32_t bin = 0; bin < WANDB_BINS; bin++) {
		/* Bins are open on the right, the last one closed. */
		uint32_t i = bin == WANDB_BINS - 1 ? n : values_below(values, n, edges[bin + 1]);
		uint32_t through = below != NULL ? below[i] : i;
		counts[bin] = through - before;
		before = through;
	}
	return true;
}

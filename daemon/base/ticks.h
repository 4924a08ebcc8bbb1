/* Where an axis gets its marks: at round numbers, 1, 2 or 5 times a power of ten, with what is written beside them. Pure.
 * Labels of one axis have the same decimals and the same unit: 0.70, 0.75, 0.80; 0, 5k, 10k; 1e-4, 2e-4. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "format.h"

#define TICKS_MAX 16u

struct ticks {
	size_t n;
	double at[TICKS_MAX]; /* rising, within the range */
	char label[TICKS_MAX][FORMAT_MAX];
};

/* As many as fit into `max` (at most TICKS_MAX), evenly spaced. One, when low and high are as good as the same; none, when they
 * are no range. */
void ticks_linear(double low, double high, size_t max, struct ticks *ret);

/* The same for a logarithmic axis: 1-2-5 in each decade, decades alone, or every so many; on less than a decade, where these are
 * too few, evenly spaced ones. None, when low is not above 0. */
void ticks_log(double low, double high, size_t max, struct ticks *ret);

/* The next round number beyond a value: above, or below. Of 0, which has none, NaN. */
double ticks_beyond(double value, bool above);

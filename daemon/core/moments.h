/* Count, mean and spread of values that arrive one by one (Welford), mergeable (Chan). */
#pragma once

#include <stdint.h>

struct moments {
	uint64_t count;    /* finite values */
	uint64_t rejected; /* NaN and infinities: counted, never averaged */
	double mean, m2, min, max;
};

void moments_init(struct moments *m);

/* Folds one value in. NaN and infinities are counted in `rejected` only. */
void moments_add(struct moments *m, double value);

/* Folds `from`, which covers other values, into `into`. */
void moments_merge(struct moments *into, const struct moments *from);

/* Bessel-corrected; NaN for fewer than two values. */
double moments_std(const struct moments *m);

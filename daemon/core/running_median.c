#include "running_median.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Where `value` is, or would be. */
static size_t place_of(const struct running_median *m, double value) {
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (m->sorted[middle] < value) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* In the place of an older one: what lies between the two places moves by one. */
static void replace(struct running_median *m, double old, double value) {
	size_t from = place_of(m, old), to = place_of(m, value);

	if (to > from) {
		to--; /* the old one is not there any more */
		memmove(m->sorted + from, m->sorted + from + 1, (to - from) * sizeof(double));
	} else {
		memmove(m->sorted + to + 1, m->sorted + to, (from - to) * sizeof(double));
	}
	m->sorted[to] = value;
}

static void insert(struct running_median *m, double value) {
	size_t at = place_of(m, value);

	memmove(m->sorted + at + 1, m->sorted + at, (m->n - at) * sizeof(double));
	m->sorted[at] = value;
	m->n++;
}

void running_median_add(struct running_median *m, double value) {
	double *oldest = &m->latest[m->next];

	assert(isfinite(value));
	if (m->n < RUNNING_MEDIAN_MAX) {
		insert(m, value);
	} else if (*oldest != value) { /* else the series stands still */
		replace(m, *oldest, value);
	}
	*oldest = value;
	m->next = (m->next + 1) % RUNNING_MEDIAN_MAX;
}

static double middle_of(const double *sorted, size_t n) {
	if (n == 0) {
		return NAN;
	}
	return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double running_median_get(const struct running_median *m) {
	return middle_of(m->sorted, m->n);
}

/* Distances grow to both sides of the median: they are merged in their order. */
double running_median_deviation(const struct running_median *m) {
	double median = running_median_get(m), distances[RUNNING_MEDIAN_MAX];
	size_t above = place_of(m, median), below = above;

	for (size_t i = 0; i < m->n; i++) {
		double up = above < m->n ? m->sorted[above] - median : INFINITY;
		double down = below > 0 ? median - m->sorted[below - 1] : INFINITY;
		distances[i] = fmin(up, down);
		above += up <= down;
		below -= up > down;
	}
	return middle_of(distances, m->n);
}

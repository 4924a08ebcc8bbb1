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

static void take_out(struct running_median *m, double value) {
	size_t at = place_of(m, value);

	memmove(m->sorted + at, m->sorted + at + 1, (m->n - at - 1) * sizeof(double));
	m->n--;
}

void running_median_add(struct running_median *m, double value) {
	assert(isfinite(value));
	if (m->n == RUNNING_MEDIAN_MAX && m->latest[m->next] == value) {
		m->next = (m->next + 1) % RUNNING_MEDIAN_MAX; /* a series that stands still */
		return;
	}
	if (m->n == RUNNING_MEDIAN_MAX) {
		take_out(m, m->latest[m->next]);
	}
	size_t at = place_of(m, value);
	memmove(m->sorted + at + 1, m->sorted + at, (m->n - at) * sizeof(double));
	m->sorted[at] = value;
	m->n++;
	m->latest[m->next] = value;
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

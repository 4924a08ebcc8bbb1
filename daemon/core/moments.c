#include "moments.h"

#include <math.h>

void moments_init(struct moments *m) {
	*m = (struct moments){.min = INFINITY, .max = -INFINITY};
}

void moments_add(struct moments *m, double value) {
	if (!isfinite(value)) {
		m->rejected++;
		return;
	}

	m->count++;
	double delta = value - m->mean;
	m->mean += delta / (double)m->count;
	m->m2 += delta * (value - m->mean);
	m->min = fmin(m->min, value);
	m->max = fmax(m->max, value);
}

void moments_merge(struct moments *into, const struct moments *from) {
	into->rejected += from->rejected;
	if (from->count == 0) {
		return;
	}

	double n_into = (double)into->count;
	double n_from = (double)from->count;
	double n = n_into + n_from;
	double delta = from->mean - into->mean;

	into->count += from->count;
	into->mean += delta * (n_from / n);
	into->m2 += from->m2 + delta * delta * (n_into * n_from / n);
	into->min = fmin(into->min, from->min);
	into->max = fmax(into->max, from->max);
}

double moments_std(const struct moments *m) {
	return m->count < 2 ? NAN : sqrt(m->m2 / (double)(m->count - 1));
}

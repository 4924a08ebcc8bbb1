#include "reduction.h"

#include <math.h>
#include <string.h>

static size_t column_of(double x, double x_low, double x_high, size_t n_columns) {
	double share = x_high > x_low ? (x - x_low) / (x_high - x_low) : 0;
	double column = floor(share * (double)n_columns);

	return column < 0 ? 0 : column >= (double)n_columns ? n_columns - 1 : (size_t)column;
}

/* Means grow by differences: a sum of a million large losses would lose the small ones. */
static void add(struct reduction_column *c, double x, double y) {
	size_t seen = c->n + c->n_not_finite;

	c->x += (x - c->x) / (double)(seen + 1);
	if (!isfinite(y)) {
		c->n_not_finite++;
		return;
	}
	c->n++;
	c->mean += (y - c->mean) / (double)c->n;
	c->min = c->n == 1 ? y : fmin(c->min, y);
	c->max = c->n == 1 ? y : fmax(c->max, y);
}

void reduction_make(const double *x, const double *y, size_t n, double x_low, double x_high,
	size_t n_columns, struct reduction_column *columns) {
	memset(columns, 0, n_columns * sizeof *columns);
	for (size_t i = 0; i < n; i++) {
		add(&columns[column_of(x[i], x_low, x_high, n_columns)], x[i], y[i]);
	}
}

/* A curve of any number of steps, as wide as a picture: what each column of it covers, from the lowest to the highest, and its
 * mean. A single step's spike is as high in the picture as it was. Pure. */
#pragma once

#include <stddef.h>

struct reduction_column {
	size_t n;            /* finite values */
	size_t n_not_finite; /* beside them */
	double x;            /* mean place of all of them */
	double min, mean, max;
};

/* Fills columns[n_columns], which share [x_low, x_high] evenly. A step without a value is left out before. */
void reduction_make(const double *x, const double *y, size_t n, double x_low, double x_high,
	size_t n_columns, struct reduction_column *columns);

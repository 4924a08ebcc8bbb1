/* The median of the last values of a series, and how far the others are from it: what is usual, which one value that is not
 * cannot move. Pure. */
#pragma once

#include <stddef.h>

#define RUNNING_MEDIAN_MAX 100u

/* Zeroed it is empty. */
struct running_median {
	double latest[RUNNING_MEDIAN_MAX]; /* as they came, around */
	double sorted[RUNNING_MEDIAN_MAX];
	size_t n, next;
};

/* A finite value; the oldest goes when there are too many. */
void running_median_add(struct running_median *m, double value);

/* NaN of none. */
double running_median_get(const struct running_median *m);
/* The median distance from the median. */
double running_median_deviation(const struct running_median *m);

/* The figures of a POINT of the points document (store/REPORT.md), and those of steps, which have the same names: where each is,
 * whether more of it is better, what it is called in a picture, and how it is written. All of it is said here alone. Pure. */
#pragma once

#include "document.h"
#include "render_parts.h"

enum point_better { BETTER_UNKNOWN = 0, BETTER_LOWER, BETTER_HIGHER };

struct point_metric {
	const char *name, *brief,
		*label; /* brief: where there is little room; label: in words, on an axis */
	enum point_better better;
	bool decades;  /* what counts is by which factor it grows */
	bool linear;   /* never on a logarithmic axis, unless asked for */
	bool absolute; /* a share of 1, or a logarithm: not read in percent */
	double worst;  /* of a model that has learnt nothing; NaN where that is not one number */
	number_format format;
};

/* Any name has one: of a name that is not known, nothing is known but how to write it. `name` is borrowed. */
struct point_metric point_metric_of(const char *name);

/* False when this point does not have it. Finite, or of steps none of which was. */
bool point_number(const json_t *point, const char *name, double *ret);

/* By how much a value differs from another: `+12 %`, `-0.031` where it is a share of 1 or a logarithm, `x12` from a factor of ten
 * on, `x0.004` where it would be -100 %, `+12` from nothing, or across it, `the same`. */
#define POINT_DIFFERENCE_SIZE 48u
void point_metric_difference(const struct point_metric *metric, double value, double other,
	char ret[POINT_DIFFERENCE_SIZE]);

/* Names of all figures that points of these runs have, sorted, with blanks between them. NULL when memory is short. */
char *point_metric_names(const json_t *runs);

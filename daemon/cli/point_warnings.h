/* What makes points of runs hard to compare, as sentences. Each appends to `warnings`, a list of them, what there is to say. */
#pragma once

#include <stddef.h>

#include "pareto_front.h"

struct point_warned {
	const json_t *run, *point; /* a point there is */
	const char *label;
};

/* They are not equally far; says with which --at-tokens they would be. Whether it is so. */
bool point_warn_of_tokens(
	const struct point_warned *runs, size_t n, enum point_advice advice, json_t *warnings);

/* The figure is not the same thing to all their trainers; says with which --as it would be. */
void point_warn_of_definitions(const struct point_warned *runs, size_t n, const char *metric,
	enum point_advice advice, json_t *warnings);

/* In some steps it was not finite. */
void point_warn_of_broken(
	const struct point_warned *runs, size_t n, const char *metric, json_t *warnings);

/* Of what --as made of it: what to keep in mind; and whose profile is not known. */
void point_warn_of_remarks(
	const struct point_warned *runs, size_t n, const char *metric, json_t *warnings);
void point_warn_of_profiles(const struct point_warned *runs, size_t n, json_t *warnings);

/* The axis is not the one that was meant. */
void point_warn_of_stand_in(const struct pareto_axis *axis, json_t *warnings);

void point_warn(json_t *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));

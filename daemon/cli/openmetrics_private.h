/* What the files of openmetrics.h share: a metric is a line of a table. */
#pragma once

#include "openmetrics.h"

struct openmetric;

/* Writes the samples that `object` (a run, or the document) has of it: none when it is not known. */
typedef void (*openmetric_put_fn)(
	struct exposition *x, const struct openmetric *m, const json_t *object);

struct openmetric {
	struct exposition_family family;
	openmetric_put_fn put;
	const char *path;         /* of the member */
	const char *label;        /* of those that have one of their own */
	const char *const *words; /* put_state: all it may be; NULL ends */
};

void openmetric_put_number(struct exposition *x, const struct openmetric *m, const json_t *object);
/* The same; null is 0, where the object it is a member of is there. */
void openmetric_put_or_0(struct exposition *x, const struct openmetric *m, const json_t *object);
/* A time, in seconds since 1970. */
void openmetric_put_time(struct exposition *x, const struct openmetric *m, const json_t *object);
/* 1: true, or a sentence; 0: false or null. */
void openmetric_put_flag(struct exposition *x, const struct openmetric *m, const json_t *object);
/* A sample for each member that is a number, labelled with its name. */
void openmetric_put_members(struct exposition *x, const struct openmetric *m, const json_t *object);
/* A sample for each of the words: 1 for the one that it is, 0 for the others. */
void openmetric_put_state(struct exposition *x, const struct openmetric *m, const json_t *object);

extern const struct openmetric openmetrics_of_runs[], openmetrics_of_daemon[];
extern const size_t openmetrics_n_of_runs, openmetrics_n_of_daemon;

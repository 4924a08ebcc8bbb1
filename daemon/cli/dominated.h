/* Which of the runs that are being trained a finished one beats already, at equal tokens: whom `stop --dominated` asks to stop. Pure.
 *
 * A run is stopped for nothing if the comparison is not fair, so that it counts as dominated only when all of this holds: it has
 * reached `at_tokens`; its last complete window at or before that, and the finished run's, end within one window of it, of
 * the shorter of the two; both are of one project and have one d_in; both mean the same by both figures, which were finite in each
 * step of these windows; and it is strictly worse on both. */
#pragma once

#include "bounds.h"
#include "listing.h"
#include "pareto_front.h"

struct dominated_query {
	struct pareto_axis x, y;
	double at_tokens;
	bool all_users; /* else the asker's own runs alone; finished ones are anybody's */
};

struct dominated_place {
	const json_t *run, *point; /* borrowed */
	const char *label;
	struct front_point at;
	double tokens, window; /* where it ends, and how long it is */
};

struct dominated_run {
	struct dominated_place place, by; /* by: of those that dominate it the best on y */
	size_t n_dominators;
	double eta_s, n_ranks; /* NaN: not known */
};

struct dominated_left {
	const json_t *run;
	const char *label;
	char why[PARETO_WHY_SIZE];
};

struct dominated {
	struct dominated_query query;
	struct listing listing; /* whose labels are borrowed above */
	struct dominated_run *runs;
	size_t n;
	struct dominated_left *left; /* being trained, and left alone */
	size_t n_left;
};

/* `points` is the points document of both kinds of runs, `status` a status document, which knows how long they still take and how
 * they are now. Both must stay. 0 or -ENOMEM. */
int dominated_make(const json_t *points, const json_t *status, const struct dominated_query *query,
	struct dominated *ret);
void dominated_finish(struct dominated *d);

/* What is left of it, on all its ranks: one GPU each. NaN: not known. */
double dominated_gpu_hours(const struct dominated_run *run);
/* Of all of which it is known; of how many it is not. */
double dominated_all_gpu_hours(const struct dominated *d, size_t *ret_n_unknown);

/* `l0 +12 %, fvu +0.030` */
#define DOMINATED_WORSE_SIZE 192u
void dominated_worse(
	const struct dominated *d, const struct dominated_run *run, char ret[DOMINATED_WORSE_SIZE]);
/* `dominated by NAME at 100M tokens: l0 +12 %, fvu +0.030`, for its trainer. */
void dominated_reason(
	const struct dominated *d, const struct dominated_run *run, char ret[QUERY_REASON_MAX + 1]);

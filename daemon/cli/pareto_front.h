/* The runs of the points document (store/REPORT.md) on two axes: who is on the front, who is dominated by whom, and what cannot
 * be placed. Pure: a document comes in, what is said on the screen and in JSON comes out. */
#pragma once

#include "front.h"
#include "point_metric.h"

#define PARETO_MARK_SIZE 4u   /* two letters at most */
#define PARETO_WHY_SIZE  128u /* why a run is listed apart */

struct pareto_axis {
	struct point_metric metric;
	bool higher; /* is better */
	const char *
		stands_in_for; /* the figure that was to be here, and that no run has; NULL: it is the one that was meant */
};

/* What to do about runs that are hard to compare is an option: of the command that warns, or of pareto where that has none. Who reads a
 * page has no command. */
enum point_advice { ADVICE_OPTION = 0, ADVICE_PARETO, ADVICE_NONE };

struct pareto_query {
	struct pareto_axis x, y;
	bool has_reference;
	struct front_point reference;
	double at_tokens; /* what the document was asked for; 0: the newest */
	double since; /* likewise, as at_time: the front is compared with that of then; 0: it is not */
	const char
		*as; /* whose definitions its figures were restated under; NULL: each run's own */
	enum point_advice tokens_advice, as_advice; /* on what makes runs hard to compare */
};

/* Against the front of `since`. */
enum pareto_news { PARETO_NO_NEWS = 0, PARETO_JOINED, PARETO_LEFT };

struct pareto_run {
	const json_t *run, *point; /* borrowed */
	char *label;
	char mark[PARETO_MARK_SIZE]; /* on the plot; "": it has none of its own */
	struct front_point at;
	bool on_front;
	const struct pareto_run *dominator; /* NULL on the front */
	size_t n_dominators;
	enum pareto_news news;
};

struct pareto_apart {
	const json_t *run;
	char *label;
	char why[PARETO_WHY_SIZE];
	bool has_left; /* it was on the front of `since` */
};

struct pareto_change {
	size_t n_then; /* runs that had a place; 0: there was no front, and nothing of a change is said */
	size_t n_joined, n_left;
	struct front_volume volume; /* of then, up to the same reference */
};

struct pareto {
	struct pareto_query query;
	/* The front in the order of x, then the others in the order of x. */
	struct pareto_run *runs;
	size_t n, n_front;
	struct pareto_apart *apart;
	size_t n_apart;
	struct front_volume
		volume; /* up to query.reference, which is set; NaN: there is nothing to measure from */
	struct pareto_change change;
	bool unequal_tokens; /* point_warnings.h */
	json_t *warnings;    /* sentences */
};

/* 0 or -ENOMEM. `document` must stay. */
int pareto_make(const json_t *document, const struct pareto_query *query, struct pareto *ret);
void pareto_finish(struct pareto *p);

/* A few runs of the points document side by side, at equal tokens. Pure. */
#pragma once

#include "config_rows.h"
#include "pareto_front.h"

#define COMPARED_MAX CONFIG_RUNS_MAX

struct comparison_query {
	struct pareto_axis x, y; /* on which they may dominate each other */
	double at_tokens;        /* what the document was asked for; 0: the newest windows */
	bool is_common;          /* it is comparison_common_tokens; else somebody chose it */
	const char *as;
};

struct compared_run {
	const json_t *run, *point; /* point NULL: it has no complete window there */
	char *label;
	char mark[2];    /* A … F */
	json_t *density; /* {"histogram": …, "n_tokens": …} of the point's window, as chart_make reads it; NULL: not known. Owned */
};

struct comparison_figure {
	const char *name; /* borrowed from the document */
	double values[COMPARED_MAX];
	bool known[COMPARED_MAX];
	int best; /* of them; -1: which is better is not known, or they are equal */
};

struct comparison {
	struct comparison_query query;
	struct compared_run runs[COMPARED_MAX];
	size_t n;
	struct config_rows config;
	/* Those of steps, then those of the window. */
	struct comparison_figure *figures;
	size_t n_figures, n_of_steps;
	bool dominates[COMPARED_MAX][COMPARED_MAX]; /* [a][b]: a dominates b */
	json_t *warnings;
};

/* How far all runs of a points document are, which have a complete window at all. 0: none has. */
double comparison_common_tokens(const json_t *document);

/* Of at most COMPARED_MAX runs. 0 or -ENOMEM. `document` must stay. */
int comparison_make(
	const json_t *document, const struct comparison_query *query, struct comparison *ret);
void comparison_finish(struct comparison *c);

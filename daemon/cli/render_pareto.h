/* Draws the front on a page: the plot on a screen, the table, and what there is to say about it. Into a pipe goes the table alone. Pure. */
#pragma once

#include "page.h"
#include "pareto_front.h"

struct render_pareto_options {
	bool no_plot, trajectories, no_headings;
};

void render_pareto(
	const struct pareto *p, const struct render_pareto_options *options, struct page *page);

/* The warnings, a line each: where the page itself is for a program. */
void render_pareto_warnings(const struct pareto *p, struct page *page);

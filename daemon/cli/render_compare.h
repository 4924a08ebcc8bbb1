/* Draws a comparison on a page: what differs in the configs, the figures, the densities, who dominates. Pure. */
#pragma once

#include "comparison.h"
#include "page.h"

struct render_compare_options {
	bool all;     /* also the keys of the configs that are the same */
	bool no_plot; /* without the densities */
};

void render_compare(const struct comparison *c, const struct render_compare_options *options,
	struct page *page);

/* The warnings, a line each: on a screen they are part of the page. */
void render_compare_warnings(const struct comparison *c, struct page *page);

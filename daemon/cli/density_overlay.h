/* Densities of several runs on one axis, as shares of each run's features: two in one chart, more of them as ridges below each
 * other. Pure. */
#pragma once

#include "document.h"
#include "page.h"

#define DENSITIES_MAX 6u

struct density_shown {
	const json_t *density; /* {"histogram": …, "n_tokens": …}; NULL: not known, and left out */
	double d_sae;
	const char *mark; /* a letter */
};

/* False when there is nothing to draw. */
bool density_overlay_draw(const struct density_shown *shown, size_t n, struct page *page);

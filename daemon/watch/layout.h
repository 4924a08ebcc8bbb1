/* Where the panes are on a screen of some size. Pure. */
#pragma once

#include "grid.h"

#define LAYOUT_WIDTH_MIN  80u
#define LAYOUT_HEIGHT_MIN 24u
#define LAYOUT_CURVES_MAX 6u

struct layout {
	struct rect title, runs, density, sparsity, alerts;
	struct rect curves[LAYOUT_CURVES_MAX];
	unsigned n_curves;
};

/* False: the screen is too small for them. */
bool layout_make(unsigned width, unsigned height, struct layout *ret);

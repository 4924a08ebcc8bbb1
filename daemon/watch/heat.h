/* One window's histogram as a row of a heat-map. Pure. */
#pragma once

#include "document.h"
#include "grid.h"

#define HEAT_COLUMNS_MAX 200u /* as many as there are bins */

/* Columns a decade that fit into `room`, in whole bins; 0: not even one. */
unsigned heat_per_decade(unsigned room, unsigned decades);

/* The counts of the upper `decades`, in `per_decade` columns each, into ret; returns how many columns, 0: the window has none. */
unsigned heat_counts(
	const json_t *window, unsigned decades, unsigned per_decade, double ret[HEAT_COLUMNS_MAX]);

/* How dark a count is, 0 (nothing) … GRID_SHADES, where `most` is the greatest. What is there is seen, however little. */
unsigned heat_shade(double count, double most);
/* Of a style the glyph. */
const char *heat_glyph(unsigned shade, bool utf8);

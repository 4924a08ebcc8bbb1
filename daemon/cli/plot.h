/* Small drawings inside a line of text. Pure. */
#pragma once

#include <stddef.h>

#include "page.h"

/* A value that is there but not finite, in a series where NaN means "nothing there". */
#define PLOT_BROKEN ((double)INFINITY)

/* A sparkline of `width` columns and eight levels from the least to the greatest: n values, neighbours averaged where
 * there are more of them than columns. Logarithmic when all are positive and span a
 * factor of 20 or more; says whether it is. */
bool plot_spark(struct page *page, const double *values, size_t n, unsigned width);

/* How much of the whole is done, in eighths of a column. */
void plot_bar(struct page *page, double share, unsigned width);

/* One column of a bar chart on one of its lines: how much of this line the bar fills, 0 … 1. */
void plot_cell(struct page *page, enum style style, double fill);

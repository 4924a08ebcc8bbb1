/* The histogram of one sparsity window as a chart.
 *
 * The document's histogram has fixed bins a decade over [-10, 0]. The axis begins at the window's
 * resolution, one firing in all its tokens: what is rarer cannot be told from dead. */
#pragma once

#include "document.h"
#include "page.h"

#define CHART_COLUMNS_MAX 200u /* as many as the document has bins */

struct chart {
	int decades;         /* the axis goes from -decades to 0 */
	unsigned per_decade; /* columns */
	unsigned n;
	double sums[CHART_COLUMNS_MAX];
	double highest;
};

/* false when there is nothing to draw. `width` is the screen's; 0: as wide as it looks good. */
bool chart_make(const json_t *sparsity, unsigned width, struct chart *ret);
void chart_draw(const struct chart *c, struct page *page);

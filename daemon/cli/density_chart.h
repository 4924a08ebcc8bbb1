/* The histogram of one sparsity window as a chart.
 *
 * The document's histogram has fixed bins a decade over [-10, 0]. The axis begins with the decade of the window's
 * resolution, one firing in all its tokens, which is marked: what is rarer cannot be told from dead. */
#pragma once

#include "document.h"
#include "page.h"

#define CHART_COLUMNS_MAX 200u /* as many as the document has bins */

struct chart {
	int decades;         /* the axis goes from -decades to 0 */
	unsigned per_decade; /* columns */
	unsigned n;
	unsigned resolution; /* the axis left of this column is below it */
	double n_tokens;
	double sums[CHART_COLUMNS_MAX];
	double highest;
};

/* false when there is nothing to draw. `width` is the screen's; 0: as wide as it looks good. */
bool chart_make(const json_t *sparsity, unsigned width, struct chart *ret);
/* Two digits are what a density from counts can carry: 2.5e-4. At most FORMAT_MAX bytes. */
char *chart_format_density(char *out, double log10_density);
void chart_draw(const struct chart *c, struct page *page);

/* The axis alone, under a drawing of the same columns. */
void chart_draw_axis(const struct chart *c, struct page *page);
/* What the mark on it means, in numbers. */
void chart_draw_resolution(const struct chart *c, struct page *page);

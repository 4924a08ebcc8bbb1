#include "density_chart.h"

#include <math.h>
#include <stdio.h>

#include "format.h"
#include "plot.h"

#define CHART_LINES  6u
#define CHART_MARGIN 9u  /* of the y axis: `  12.3k │` */
#define CHART_WIDTH  70u /* without a screen to fit */
#define DECADES_MAX  20  /* of a histogram that is one */

/* As fine as fits, in whole bins a column. */
static unsigned columns_per_decade(unsigned room, unsigned decades, unsigned bins_per_decade) {
	for (unsigned bins = 1; bins < bins_per_decade; bins++) {
		if (bins_per_decade % bins == 0 && decades * (bins_per_decade / bins) <= room) {
			return bins_per_decade / bins;
		}
	}
	return 1;
}

bool chart_make(const json_t *sparsity, unsigned width, struct chart *ret) {
	const json_t *counts = document_at(sparsity, "histogram.counts");
	double low = document_count(sparsity, "histogram.lo");
	double n_tokens = document_count(sparsity, "n_tokens");
	double per_decade = document_count(sparsity, "histogram.bins_per_decade");
	unsigned bins_per_decade =
		per_decade >= 1 && per_decade <= CHART_COLUMNS_MAX ? (unsigned)per_decade : 0;
	size_t n_bins = json_array_size(counts);

	*ret = (struct chart){0};
	if (!(low < 0 && low >= -DECADES_MAX) || bins_per_decade == 0 || !(n_tokens >= 1) ||
		n_bins != (size_t)(-low * bins_per_decade)) {
		return false;
	}
	unsigned room = width == 0 ? CHART_WIDTH : width > CHART_MARGIN ? width - CHART_MARGIN : 1;
	ret->decades = (int)fmin(-low, fmax(2, ceil(log10(n_tokens) - 1e-9)));
	ret->n_tokens = n_tokens;
	ret->per_decade = columns_per_decade(room, (unsigned)ret->decades, bins_per_decade);
	ret->n = (unsigned)ret->decades * ret->per_decade;
	if (ret->n > CHART_COLUMNS_MAX) {
		return false;
	}

	ret->resolution =
		(unsigned)round(fmax(0, (ret->decades - log10(n_tokens)) * ret->per_decade));

	unsigned bins_per_column = bins_per_decade / ret->per_decade;
	size_t first = (size_t)((-low - ret->decades) * bins_per_decade);
	for (size_t i = first; i < n_bins; i++) {
		double *sum = &ret->sums[(i - first) / bins_per_column];
		*sum += json_number_value(json_array_get(counts, i));
		ret->highest = fmax(ret->highest, *sum);
	}
	return ret->highest > 0;
}

/* Yellow below 1e-5, red below 1e-6, magenta above 0.1: the tails one looks for. */
static enum style column_style(const struct chart *c, unsigned column) {
	double centre = -c->decades + (column + 0.5) / c->per_decade;

	return centre < -6   ? STYLE_BAD
	       : centre < -5 ? STYLE_WARN
	       : centre > -1 ? STYLE_DENSE
			     : STYLE_PLAIN;
}

static void draw_bars(const struct chart *c, struct page *page) {
	char label[FORMAT_MAX];

	for (unsigned line = CHART_LINES; line > 0; line--) {
		double top = c->highest * line / CHART_LINES;
		page_tab(page, 2);
		page_put_right(page, STYLE_DIM, format_count(label, round(top), 4), 5);
		page_put(page, STYLE_DIM, page->look.utf8 ? " │" : " |");
		for (unsigned i = 0; i < c->n; i++) {
			double filled = c->sums[i] * CHART_LINES / c->highest - (line - 1);
			/* A feature that is there is seen, however small its bar. */
			bool sliver = line == 1 && c->sums[i] > 0 && filled < 0.125;
			plot_cell(page, column_style(c, i), sliver ? 0.125 : filled);
		}
		page_end_line(page);
	}
}

/* Dotted as far as nothing can be seen, with a mark where that ends. */
static void draw_axis_column(const struct chart *c, unsigned column, struct page *page) {
	static const char *const line[][2] = {{"─", "-"}, {"┬", "+"}, {"╌", "."}, {"▲", "^"}};
	bool is_tick = column % c->per_decade == 0;
	bool is_mark = column == c->resolution;
	unsigned kind = is_mark ? 3 : column < c->resolution && !is_tick ? 2 : is_tick;

	page_put(page, is_mark ? STYLE_WARN : STYLE_DIM, line[kind][!page->look.utf8]);
}

void chart_draw_axis(const struct chart *c, struct page *page) {
	page_tab(page, CHART_MARGIN - 1);
	page_put(page, STYLE_DIM, page->look.utf8 ? "└" : " ");
	for (unsigned i = 0; i <= c->n; i++) {
		draw_axis_column(c, i, page);
	}
	page_end_line(page);
	for (int decade = 0; decade <= c->decades; decade++) {
		unsigned at = CHART_MARGIN + (unsigned)decade * c->per_decade;
		unsigned sign = decade < c->decades ? 1 : 0;
		if (page->column < at - sign) {
			page_tab(page, at - sign);
			page_printf(page, STYLE_DIM, "%d", decade - c->decades);
		}
	}
	page_end_line(page);

	static const char caption[] = "log10(share of tokens on which a feature fires)";
	unsigned width = sizeof(caption) - 1;
	unsigned at = CHART_MARGIN + (c->n > width ? (c->n - width) / 2 : 0);
	page_tab(page, at);
	page_put(page, STYLE_DIM, caption);
	page_end_line(page);
}

char *chart_format_density(char *out, double log10_density) {
	int exponent = (int)floor(log10_density);
	double digits = round(10 * pow(10, log10_density - exponent)) / 10;

	if (digits >= 10) {
		digits /= 10;
		exponent++;
	}
	snprintf(out, FORMAT_MAX, "%.1fe%d", digits, exponent);
	return out;
}

/* In numbers, where a narrow screen cuts off what matters least. */
void chart_draw_resolution(const struct chart *c, struct page *page) {
	char density[FORMAT_MAX], tokens[FORMAT_MAX];

	page_tab(page, 2);
	page_put(page, STYLE_WARN, page->look.utf8 ? "▲" : "^");
	page_printf(page, STYLE_PLAIN, " resolution %s, one firing in %s tokens",
		chart_format_density(density, -log10(c->n_tokens)),
		format_count(tokens, c->n_tokens, 4));
	page_put_cut(page, STYLE_DIM, ": what is rarer looks dead", page_room(page));
	page_end_line(page);
}

void chart_draw(const struct chart *c, struct page *page) {
	draw_bars(c, page);
	chart_draw_axis(c, page);
	chart_draw_resolution(c, page);
}

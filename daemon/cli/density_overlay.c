#include "density_overlay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "density_chart.h"
#include "plot.h"

#define LINES       8u /* of the chart of two */
#define RIDGE_LINES 2u
#define MARGIN      9u

struct overlay {
	struct chart charts[DENSITIES_MAX]; /* of equal axes, in shares of the features */
	const char *marks[DENSITIES_MAX];
	size_t n;
	double highest;
};

/* On the axis of the finest of them: what one window cannot resolve another may. */
static bool add_chart(
	struct overlay *o, const struct density_shown *shown, double n_tokens, unsigned width) {
	json_t *density = json_copy((json_t *)shown->density);
	struct chart *chart = &o->charts[o->n];

	(void)json_object_set_new(density, "n_tokens", json_real(n_tokens));
	bool made = chart_make(density, width, chart) && shown->d_sae > 0;
	json_decref(density);
	if (!made || (o->n > 0 && chart->n != o->charts[0].n)) {
		return false;
	}
	chart->highest /= shown->d_sae;
	for (unsigned i = 0; i < chart->n; i++) {
		chart->sums[i] /= shown->d_sae;
	}
	o->highest = fmax(o->highest, chart->highest);
	o->marks[o->n++] = shown->mark;
	return true;
}

static bool overlay_make(
	struct overlay *o, const struct density_shown *shown, size_t n, unsigned width) {
	double n_tokens = 0;

	*o = (struct overlay){0};
	for (size_t i = 0; i < n; i++) {
		n_tokens = fmax(n_tokens, document_count(shown[i].density, "n_tokens"));
	}
	for (size_t i = 0; i < n && o->n < DENSITIES_MAX; i++) {
		if (shown[i].density) {
			(void)add_chart(o, &shown[i], n_tokens, width);
		}
	}
	return o->n > 0;
}

/* ---- two in one ---- */

static const enum style overlay_styles[2] = {STYLE_GOOD, STYLE_DENSE};

/* How both bars fill a cell: bit 1 the first, bit 2 the second. */
static void put_both(unsigned which, const struct overlay *o, struct page *page) {
	static const char *const glyphs[] = {" ", "▓", "░", "█"};

	if (which == 0) {
		page_put(page, STYLE_PLAIN, " ");
	} else if (which == 3) {
		page_put(page, STYLE_PLAIN, page->look.utf8 ? glyphs[3] : "#");
	} else {
		page_put(page, overlay_styles[which - 1],
			page->look.utf8 ? glyphs[which] : o->marks[which - 1]);
	}
}

static void put_share(double share, struct page *page) {
	char text[16];

	snprintf(text, sizeof(text), share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
	page_put_right(page, STYLE_DIM, text, MARGIN - 2);
}

static void draw_two(const struct overlay *o, struct page *page) {
	for (unsigned line = LINES; line > 0; line--) {
		put_share(o->highest * line / LINES, page);
		page_put(page, STYLE_DIM, page->look.utf8 ? " │" : " |");
		for (unsigned i = 0; i < o->charts[0].n; i++) {
			unsigned which = 0;
			for (size_t j = 0; j < o->n; j++) {
				double filled =
					o->charts[j].sums[i] * LINES / o->highest - (line - 1);
				/* A feature that is there is seen, however small its bar. */
				bool is_there = filled >= 0.5 || (line == 1 && filled > 0);
				which |= is_there ? 1u << j : 0;
			}
			put_both(which, o, page);
		}
		page_end_line(page);
	}
}

static void draw_legend(const struct overlay *o, struct page *page) {
	page_tab(page, MARGIN);
	for (unsigned which = 1; which <= (o->n > 1 ? 3u : 1u); which++) {
		put_both(which, o, page);
		page_printf(page, STYLE_PLAIN, " %s   ", which == 3 ? "both" : o->marks[which - 1]);
	}
	page_end_line(page);
}

/* ---- ridges ---- */

static void draw_ridge(const struct overlay *o, size_t ridge, struct page *page) {
	const struct chart *chart = &o->charts[ridge];

	for (unsigned line = RIDGE_LINES; line > 0; line--) {
		page_put_right(page, STYLE_HEADING, line == 1 ? o->marks[ridge] : "", MARGIN - 2);
		page_put(page, STYLE_DIM, page->look.utf8 ? " │" : " |");
		for (unsigned i = 0; i < chart->n; i++) {
			double filled = chart->sums[i] * RIDGE_LINES / o->highest - (line - 1);
			bool sliver = line == 1 && chart->sums[i] > 0 && filled < 0.125;
			plot_cell(page, STYLE_PLAIN, sliver ? 0.125 : filled);
		}
		page_end_line(page);
	}
}

bool density_overlay_draw(const struct density_shown *shown, size_t n, struct page *page) {
	struct overlay o;

	if (!overlay_make(&o, shown, n, page->look.width)) {
		return false;
	}
	if (n <= 2) {
		draw_legend(&o, page);
		draw_two(&o, page);
	}
	for (size_t i = 0; n > 2 && i < o.n; i++) {
		draw_ridge(&o, i, page);
	}
	chart_draw_axis(&o.charts[0], page);
	chart_draw_resolution(&o.charts[0], page);
	return true;
}

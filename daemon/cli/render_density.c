/* How densely features fire: the histogram of one sparsity window, and what it says in numbers.
 *
 * The document's histogram has 20 fixed bins a decade over [-10, 0]. The axis begins at the
 * window's resolution, one firing in all its tokens: what is rarer cannot be told from dead. */
#include "render_run.h"

#include <math.h>
#include <stdio.h>

#include "format.h"
#include "plot.h"
#include "render_parts.h"

#define CHART_LINES  6u
#define CHART_MARGIN 9u  /* of the y axis: `  12.3k │` */
#define CHART_WIDTH  70u /* without a screen to fit */
#define COLUMNS_MAX  200u

struct chart {
	int decades;         /* the axis goes from -decades to 0 */
	unsigned per_decade; /* columns */
	unsigned n;
	double sums[COLUMNS_MAX];
	double highest;
};

/* As fine as fits, in whole bins a column. */
static unsigned columns_per_decade(unsigned room, unsigned decades, unsigned bins_per_decade) {
	for (unsigned bins = 1; bins < bins_per_decade; bins++) {
		if (bins_per_decade % bins == 0 && decades * (bins_per_decade / bins) <= room) {
			return bins_per_decade / bins;
		}
	}
	return 1;
}

/* false when there is nothing to draw. */
static bool chart_make(const json_t *sparsity, unsigned width, struct chart *ret) {
	const json_t *counts = document_at(sparsity, "histogram.counts");
	double low = document_count(sparsity, "histogram.lo");
	double n_tokens = document_count(sparsity, "n_tokens");
	unsigned bins_per_decade = (unsigned)document_count(sparsity, "histogram.bins_per_decade");
	size_t n_bins = json_array_size(counts);

	*ret = (struct chart){0};
	if (bins_per_decade == 0 || !(low < 0) || !(n_tokens >= 1) ||
		n_bins != (size_t)(-low * bins_per_decade)) {
		return false;
	}
	ret->decades = (int)fmin(-low, fmax(2, ceil(log10(n_tokens) - 1e-9)));
	ret->per_decade = columns_per_decade(width > CHART_MARGIN ? width - CHART_MARGIN : 1,
		(unsigned)ret->decades, bins_per_decade);
	ret->n = (unsigned)ret->decades * ret->per_decade;
	if (ret->n > COLUMNS_MAX) {
		return false;
	}

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

static void chart_draw_bars(const struct chart *c, struct page *page) {
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

static void chart_draw_axis(const struct chart *c, struct page *page) {
	bool utf8 = page->look.utf8;

	page_tab(page, CHART_MARGIN - 1);
	page_put(page, STYLE_DIM, utf8 ? "└" : " ");
	for (unsigned i = 0; i <= c->n; i++) {
		bool tick = i % c->per_decade == 0;
		page_put(page, STYLE_DIM, utf8 ? (tick ? "┬" : "─") : (tick ? "+" : "-"));
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

static void render_heading(const json_t *sparsity, struct page *page) {
	const json_t *flaws = document_at(sparsity, "flaws");
	char first[FORMAT_MAX], last[FORMAT_MAX], tokens[FORMAT_MAX];

	page_end_line(page);
	page_tab(page, 2);
	page_put(page, STYLE_HEADING, "feature density");
	page_printf(page, STYLE_PLAIN, ", window %.0f (steps %s-%s; %s tokens)",
		document_count(sparsity, "window"),
		format_grouped(first, (uint64_t)document_count(sparsity, "step_first")),
		format_grouped(last, (uint64_t)document_count(sparsity, "step_last")),
		format_count(tokens, document_count(sparsity, "n_tokens"), 4));
	page_end_line(page);
	for (size_t i = 0; i < json_array_size(flaws); i++) {
		const char *flaw = json_string_value(json_array_get(flaws, i));
		page_printf(page, STYLE_WARN, "%s%s",
			i > 0 ? ", " : "  ! this window is incomplete: ", flaw ? flaw : "?");
	}
	if (json_array_size(flaws) > 0) {
		page_end_line(page);
	}
}

/* `<1e-5 2,670 (10.9 %)`; a threshold below the resolution says so. */
static void render_threshold(const char *label, double threshold, const json_t *object,
	const char *path, const json_t *sparsity, struct page *page) {
	double d_sae = document_count(sparsity, "d_sae");
	double n_tokens = document_count(sparsity, "n_tokens");
	char count[FORMAT_MAX];
	double value;

	if (!document_number(object, path, &value)) {
		return;
	}
	if (n_tokens > 0 && threshold > 0 && threshold * n_tokens < 1) {
		render_fact(page, STYLE_DIM, "%s %s (finer than this window resolves)", label,
			format_grouped(count, (uint64_t)value));
	} else if (d_sae > 0) {
		render_fact(page, STYLE_PLAIN, "%s %s (%.1f %%)", label,
			format_grouped(count, (uint64_t)value), 100 * value / d_sae);
	} else {
		render_fact(
			page, STYLE_PLAIN, "%s %s", label, format_grouped(count, (uint64_t)value));
	}
}

static void render_thresholds(const json_t *sparsity, struct page *page) {
	const json_t *own = document_at(sparsity, "thresholds");

	render_label("share", page);
	render_threshold("never fired", 0, sparsity, "never_fired", sparsity, page);
	render_threshold("<1e-6", 1e-6, sparsity, "below_1e-6", sparsity, page);
	render_threshold("<1e-5", 1e-5, sparsity, "below_1e-5", sparsity, page);
	for (size_t i = 0; i < json_array_size(own); i++) {
		const json_t *one = json_array_get(own, i);
		double density = document_count(one, "density");
		char label[FORMAT_MAX + 1] = "<";
		format_general(label + 1, density);
		render_threshold(label, density, one, "below", sparsity, page);
	}
	render_threshold(">0.01", 0, sparsity, "above_1e-2", sparsity, page);
	render_threshold(">0.1", 0, sparsity, "above_1e-1", sparsity, page);
	page_end_line(page);
}

/* Two digits are what a density from counts can carry: 2.5e-4. */
static char *format_density(char *out, double log10_density) {
	int exponent = (int)floor(log10_density);
	double digits = round(10 * pow(10, log10_density - exponent)) / 10;

	if (digits >= 10) {
		digits /= 10;
		exponent++;
	}
	snprintf(out, FORMAT_MAX, "%.1fe%d", digits, exponent);
	return out;
}

static void render_quantiles(const json_t *sparsity, struct page *page) {
	static const char *const names[][2] = {
		{"p10", "p10"}, {"p25", "p25"}, {"p50", "median"}, {"p75", "p75"}, {"p90", "p90"}};
	const json_t *quantiles = document_at(sparsity, "quantiles");
	double n_tokens = document_count(sparsity, "n_tokens");
	char text[FORMAT_MAX];
	double value;

	if (json_object_size(quantiles) == 0) {
		return;
	}
	render_label("density", page);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (document_number(quantiles, names[i][0], &value)) {
			render_fact(page, STYLE_PLAIN, "%s %s", names[i][1],
				format_density(text, value));
		}
	}
	render_fact(page, STYLE_DIM, "of the %s that fired",
		format_grouped(text, (uint64_t)document_count(sparsity, "n_quantile_features")));
	if (n_tokens >= 1) {
		render_fact(
			page, STYLE_DIM, "resolution %s", format_density(text, -log10(n_tokens)));
	}
	page_end_line(page);
}

/* `dead 312`, left out where it is not known. */
static void render_count(
	const char *label, const json_t *object, const char *path, struct page *page) {
	char text[FORMAT_MAX];
	double value;

	if (document_number(object, path, &value)) {
		render_fact(
			page, STYLE_PLAIN, "%s %s", label, format_grouped(text, (uint64_t)value));
	}
}

static void render_dead(const json_t *sparsity, struct page *page) {
	char text[FORMAT_MAX];
	double value;

	render_label("dead", page);
	render_count("now", sparsity, "dead_features", page);
	render_count("revived", sparsity, "revived", page);
	render_count("newly dead", sparsity, "newly_dead", page);
	if (document_number(sparsity, "mean_passes_since_fired", &value)) {
		render_fact(page, STYLE_PLAIN, "mean passes since fired %s",
			format_significant(text, value));
	}
	page_end_line(page);
}

/* Half a window counts a rare feature as rarer than it is: said apart, never compared. */
static void render_open_window(const json_t *run, struct page *page) {
	const json_t *partial = document_at(run, "partial_window");
	double fill, steps, window_steps = document_count(run, "feature_sampling_window");

	if (document_number(partial, "n_tokens", &steps)) {
		render_label("partial", page);
		render_fact(page, STYLE_PLAIN, "window %.0f ended early",
			document_count(partial, "window"));
		render_count("steps", partial, "n_steps", page);
		render_count("never fired", partial, "never_fired", page);
		render_count("<1e-5", partial, "below_1e-5", page);
		page_end_line(page);
	} else if (document_number(run, "open_window.n_steps", &steps) && window_steps > 0) {
		if (!document_number(run, "open_window.fill", &fill)) {
			fill = steps / window_steps;
		}
		render_label("open", page);
		render_fact(page, STYLE_PLAIN, "window %.0f",
			document_count(run, "open_window.window"));
		render_fact(
			page, STYLE_PLAIN, "%.0f %% full (%.0f steps)", floor(100 * fill), steps);
		page_end_line(page);
	}
}

void render_density(const json_t *run, struct page *page) {
	const json_t *sparsity = document_at(run, "sparsity");
	unsigned width = page->look.width > 0 ? page->look.width : CHART_MARGIN + CHART_WIDTH;
	struct chart chart;

	if (document_count(run, "d_sae") == 0) {
		return;
	}
	if (document_count(sparsity, "n_tokens") < 1) {
		page_end_line(page);
		page_put(page, STYLE_DIM, "  feature density: no sparsity window has closed yet");
		page_end_line(page);
		render_open_window(run, page);
		return;
	}
	render_heading(sparsity, page);
	if (chart_make(sparsity, width, &chart)) {
		chart_draw_bars(&chart, page);
		chart_draw_axis(&chart, page);
	}
	render_thresholds(sparsity, page);
	render_quantiles(sparsity, page);
	render_dead(sparsity, page);
	render_open_window(run, page);
}

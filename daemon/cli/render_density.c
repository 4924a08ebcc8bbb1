/* How densely features fire: the chart of the last window, and what it says in numbers. */
#include "render_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dead_words.h"
#include "density_chart.h"
#include "fact_line.h"
#include "format.h"

#define TOO_FINE_MAX 256 /* names of thresholds: two of the reference's, 16 of the run's own */

static void render_heading(const json_t *sparsity, struct page *page) {
	const json_t *flaws = document_at(sparsity, "flaws");
	char first[FORMAT_MAX], last[FORMAT_MAX], tokens[FORMAT_MAX];

	page_end_line(page);
	page_tab(page, 2);
	page_put(page, STYLE_HEADING, "feature density");
	page_printf(page, STYLE_PLAIN, ", window %.0f (steps %s-%s; %s tokens)",
		document_count(sparsity, "window"),
		figure_grouped(first, document_count(sparsity, "step_first")),
		figure_grouped(last, document_count(sparsity, "step_last")),
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

/* `<1e-5 2,670 (10.9 %)` */
static void render_share(const char *label, const json_t *object, const char *path, double d_sae,
	struct page *page) {
	char count[FORMAT_MAX];
	double value;

	if (!document_number(object, path, &value)) {
		return;
	}
	if (d_sae > 0) {
		fact_put(page, STYLE_PLAIN, "%s %s (%.1f %%)", label, figure_grouped(count, value),
			100 * value / d_sae);
	} else {
		fact_put(page, STYLE_PLAIN, "%s %s", label, figure_grouped(count, value));
	}
}

/* A threshold finer than the window resolves counts what never fired: its name goes into `too_fine`. */
static void render_below(double threshold, const json_t *object, const char *path,
	const json_t *sparsity, struct page *page, char too_fine[TOO_FINE_MAX]) {
	char label[FORMAT_MAX + 1] = "<";
	size_t len = strlen(too_fine);

	format_general(label + 1, threshold);
	if (threshold * document_count(sparsity, "n_tokens") < 1) {
		snprintf(too_fine + len, TOO_FINE_MAX - len, "%s%s", len > 0 ? ", " : "", label);
	} else {
		render_share(label, object, path, document_count(sparsity, "d_sae"), page);
	}
}

static void render_thresholds(const json_t *sparsity, struct page *page) {
	const json_t *own = document_at(sparsity, "thresholds");
	double d_sae = document_count(sparsity, "d_sae");
	char too_fine[TOO_FINE_MAX] = "";

	facts_label("share", page);
	render_share("never fired", sparsity, "never_fired", d_sae, page);
	render_below(1e-6, sparsity, "below_1e-6", sparsity, page, too_fine);
	render_below(1e-5, sparsity, "below_1e-5", sparsity, page, too_fine);
	for (size_t i = 0; i < json_array_size(own); i++) {
		const json_t *one = json_array_get(own, i);
		render_below(
			document_count(one, "density"), one, "below", sparsity, page, too_fine);
	}
	render_share(">0.01", sparsity, "above_1e-2", d_sae, page);
	render_share(">0.1", sparsity, "above_1e-1", d_sae, page);
	if (too_fine[0]) {
		fact_put(page, STYLE_DIM, "%s: finer than this window resolves", too_fine);
	}
	page_end_line(page);
}

static void render_quantiles(const json_t *sparsity, struct page *page) {
	static const char *const names[][2] = {
		{"p10", "p10"}, {"p25", "p25"}, {"p50", "median"}, {"p75", "p75"}, {"p90", "p90"}};
	const json_t *quantiles = document_at(sparsity, "quantiles");
	char text[FORMAT_MAX];
	double value;

	if (json_object_size(quantiles) == 0) {
		return;
	}
	facts_label("density", page);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (document_number(quantiles, names[i][0], &value)) {
			fact_put(page, STYLE_PLAIN, "%s %s", names[i][1],
				chart_format_density(text, value));
		}
	}
	fact_put(page, STYLE_DIM, "of the %s that fired",
		figure_grouped(text, document_count(sparsity, "n_quantile_features")));
	page_end_line(page);
}

/* `dead 312`, left out where it is not known. */
static void render_count(
	const char *label, const json_t *object, const char *path, struct page *page) {
	char text[FORMAT_MAX];
	double value;

	if (document_number(object, path, &value)) {
		fact_put(page, STYLE_PLAIN, "%s %s", label, figure_grouped(text, value));
	}
}

/* Each on a line of its own. */
static void render_dead_counts(const json_t *run, struct page *page) {
	struct buf words = {0}, line = {0};

	for (enum dead_by by = 0; by < DEAD_BYS; by++) {
		buf_clear(&line);
		if (dead_words(run, by, &words) && buf_text(&words) &&
			buf_printf(&line, "%s %s", dead_by_name(by), buf_text(&words)) == 0 &&
			buf_text(&line)) {
			if (page->column > LABEL_WIDTH) {
				facts_next_line(page);
			}
			fact_flow(page, STYLE_PLAIN, buf_text(&line));
		}
	}
	buf_finish(&words);
	buf_finish(&line);
}

static double sum_of(const json_t *windows, const char *path) {
	double sum = 0;

	for (size_t i = 0; i < json_array_size(windows); i++) {
		sum += document_count(json_array_get(windows, i), path);
	}
	return sum;
}

/* Whether features come and go: of the last window, and of all that are shown. */
static void render_change(const json_t *run, const json_t *sparsity, struct page *page) {
	const json_t *windows = document_at(run, "windows");
	char revived[FORMAT_MAX], dead[FORMAT_MAX];

	if (!document_at(sparsity, "revived")) {
		return;
	}
	facts_label("change", page);
	fact_put(page, STYLE_PLAIN, "window %.0f: %s revived, %s newly dead",
		document_count(sparsity, "window"),
		figure_grouped(revived, document_count(sparsity, "revived")),
		figure_grouped(dead, document_count(sparsity, "newly_dead")));
	if (json_array_size(windows) > 1) {
		fact_put(page, STYLE_PLAIN, "the last %zu: %s and %s", json_array_size(windows),
			figure_grouped(revived, sum_of(windows, "revived")),
			figure_grouped(dead, sum_of(windows, "newly_dead")));
	}
	page_end_line(page);
}

static void render_dead(const json_t *run, const json_t *sparsity, struct page *page) {
	char text[FORMAT_MAX];
	double value;

	if (!document_at(sparsity, "dead_features")) {
		return;
	}
	facts_label("dead", page);
	render_dead_counts(run, page);
	facts_next_line(page);
	if (document_number(sparsity, "mean_passes_since_fired", &value)) {
		fact_put(page, STYLE_PLAIN, "mean passes since fired %s",
			format_significant(text, value));
	}
	if (document_number(sparsity, "mean_tokens_since_fired", &value)) {
		fact_put(page, STYLE_PLAIN, "mean tokens since fired %s",
			format_count(text, value, 4));
	}
	page_end_line(page);
	render_change(run, sparsity, page);
}

/* Half a window counts a rare feature as rarer than it is: said apart, never compared. */
static void render_open_window(const json_t *run, struct page *page) {
	const json_t *partial = document_at(run, "partial_window");
	double fill, steps, window_steps = document_count(run, "feature_sampling_window");
	bool has_ended = document_text(run, "ended") != NULL;

	if (document_number(partial, "n_tokens", &steps)) {
		facts_label("partial", page);
		/* Some trainers log a window with the step behind it. */
		bool is_whole =
			window_steps > 0 && document_count(partial, "n_steps") >= window_steps;
		fact_put(page, STYLE_PLAIN,
			is_whole ? "window %.0f is whole, but had no row"
				 : "window %.0f ended early",
			document_count(partial, "window"));
		render_count("steps", partial, "n_steps", page);
		render_count("never fired", partial, "never_fired", page);
		render_count("<1e-5", partial, "below_1e-5", page);
		page_end_line(page);
	} else if (document_number(run, "open_window.n_steps", &steps) && window_steps > 0 &&
		   !(has_ended && steps == 0)) {
		if (!document_number(run, "open_window.fill", &fill)) {
			fill = steps / window_steps;
		}
		facts_label("open", page);
		fact_put(page, STYLE_PLAIN, "window %.0f",
			document_count(run, "open_window.window"));
		fact_put(page, STYLE_PLAIN, "%.0f %% full (%.0f steps)", floor(100 * fill), steps);
		fact_put(
			page, STYLE_DIM, "not shown: half full, it would over-count rare features");
		page_end_line(page);
	}
}

void render_density(const json_t *run, struct page *page) {
	const json_t *sparsity = document_at(run, "sparsity");
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
	if (chart_make(sparsity, page->look.width, &chart)) {
		chart_draw(&chart, page);
	}
	render_thresholds(sparsity, page);
	render_quantiles(sparsity, page);
	render_dead(run, sparsity, page);
	render_open_window(run, page);
}

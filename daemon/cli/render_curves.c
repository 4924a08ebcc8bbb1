/* Series as sparklines: the run's losses and metrics over its steps, its features over its windows. */
#include "render_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "plot.h"
#include "render_parts.h"

#define POINTS_MAX   256u
#define SPARK_NARROW 16u
#define SPARK_WIDE   32u
#define LABEL_COLUMN 2u
#define SPARK_COLUMN 13u
#define NUMBER_WIDTH 9u

struct series {
	double values[POINTS_MAX]; /* NaN: nothing there; PLOT_BROKEN: there, not finite */
	size_t n;
	char now[FORMAT_MAX], min[FORMAT_MAX], max[FORMAT_MAX];
	enum style now_style;
};

static unsigned spark_width(const struct page *page) {
	return page->look.width == 0 || page->look.width >= 100 ? SPARK_WIDE : SPARK_NARROW;
}

static double point_of(const json_t *object, const char *path) {
	double value;

	if (!document_number(object, path, &value)) {
		return NAN;
	}
	return isfinite(value) ? value : PLOT_BROKEN;
}

static void render_series(
	const char *label, const struct series *s, const char *note, struct page *page) {
	page_tab(page, LABEL_COLUMN);
	page_put(page, STYLE_PLAIN, label);
	page_tab(page, SPARK_COLUMN);
	bool logarithmic = plot_spark(page, s->values, s->n, spark_width(page));
	page_tab(page, SPARK_COLUMN + spark_width(page));
	page_put_right(page, s->now_style, s->now, NUMBER_WIDTH - 1);
	page_put(page, STYLE_PLAIN, " ");
	page_put_right(page, STYLE_PLAIN, s->min, NUMBER_WIDTH - 1);
	page_put(page, STYLE_PLAIN, " ");
	page_put_right(page, STYLE_PLAIN, s->max, NUMBER_WIDTH - 1);
	if (note || logarithmic) {
		page_printf(page, STYLE_DIM, "   %s%s%s", note ? note : "",
			note && logarithmic ? ", " : "", logarithmic ? "log" : "");
	}
	page_end_line(page);
}

static void render_series_heading(const char *words, struct page *page) {
	page_tab(page, LABEL_COLUMN);
	page_put(page, STYLE_HEADING, words);
	page_tab(page, SPARK_COLUMN + spark_width(page));
	page_put_right(page, STYLE_HEADING, "now", NUMBER_WIDTH - 1);
	page_put_right(page, STYLE_HEADING, "min", NUMBER_WIDTH);
	page_put_right(page, STYLE_HEADING, "max", NUMBER_WIDTH);
	page_end_line(page);
}

static const struct curve {
	const char *name, *label;
	number_format format;
	const char *note;
} curves[] = {
	{"mse_loss", "mse", format_general, NULL},
	{"l1_loss", "l1", format_general, NULL},
	{"aux_reconstruction_loss", "aux", format_general, NULL},
	{"overall_loss", "loss", format_general, NULL},
	{"l0", "l0", format_significant, NULL},
	{"explained_variance", "ev", figure_ratio, "the trainer's own"},
	{"fvu", "fvu", figure_ratio, "ratio of sums"},
};

/* As wide as its column and no wider: of a number that is cut nobody knows how large it is. */
static enum style curve_figure(
	const json_t *one, const char *path, number_format format, char text[FORMAT_MAX]) {
	enum style style = figure_text(one, path, format, text, FORMAT_MAX);
	double value;

	if (strlen(text) >= NUMBER_WIDTH && document_number(one, path, &value)) {
		format_general_within(text, value, NUMBER_WIDTH - 1);
	}
	return style;
}

static void render_curve(const json_t *all, const struct curve *curve, struct page *page) {
	const json_t *one = document_at(all, curve->name);
	const json_t *values = document_at(one, "values");
	struct series s = {0};

	if (json_array_size(values) == 0) {
		return;
	}
	for (size_t i = 0; i < json_array_size(values) && i < POINTS_MAX; i++) {
		s.values[s.n++] = point_of(json_array_get(values, i), "");
	}
	s.now_style = curve_figure(one, "now", curve->format, s.now);
	curve_figure(one, "min", curve->format, s.min);
	curve_figure(one, "max", curve->format, s.max);
	render_series(curve->label, &s, curve->note, page);
}

void render_curves(const json_t *run, struct page *page) {
	const json_t *all = document_at(run, "curves.series");
	char heading[64], steps[FORMAT_MAX];
	double first, last;

	if (json_object_size(all) == 0 || !document_number(run, "curves.step_first", &first) ||
		!document_number(run, "curves.step_last", &last)) {
		return;
	}
	page_end_line(page);
	snprintf(heading, sizeof(heading), "%s steps", figure_grouped(steps, last - first + 1));
	render_series_heading(heading, page);
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		render_curve(all, &curves[i], page);
	}
}

static const struct window_curve {
	const char *path, *label;
	double threshold; /* 0: none */
} window_curves[] = {
	{"dead_features", "dead", 0},
	{"never_fired", "never", 0},
	{"below_1e-6", "<1e-6", 1e-6},
	{"below_1e-5", "<1e-5", 1e-5},
	{"revived", "revived", 0},
	{"newly_dead", "newly dead", 0},
};

/* Left out where the windows cannot resolve its threshold: it would be `never` again. */
static void render_window_curve(
	const json_t *windows, const struct window_curve *curve, struct page *page) {
	struct series s = {0};
	double min = INFINITY, max = -INFINITY;
	size_t all = json_array_size(windows);
	const json_t *last = json_array_get(windows, all - 1);
	double n_tokens = document_count(last, "n_tokens");

	if (curve->threshold > 0 && n_tokens > 0 && curve->threshold * n_tokens < 1) {
		return;
	}
	for (size_t i = all > POINTS_MAX ? all - POINTS_MAX : 0; i < all; i++) {
		double value = point_of(json_array_get(windows, i), curve->path);
		min = fmin(min, value);
		max = fmax(max, value);
		s.values[s.n++] = value;
	}
	if (!isfinite(min) || !isfinite(max)) {
		return;
	}
	s.now_style = figure_text(last, curve->path, figure_count, s.now, sizeof(s.now));
	figure_count(s.min, min);
	figure_count(s.max, max);
	render_series(curve->label, &s, NULL, page);
}

void render_window_curves(const json_t *run, struct page *page) {
	const json_t *windows = document_at(run, "windows");
	char heading[64];

	/* One window is what the density chart shows already. */
	if (json_array_size(windows) < 2) {
		return;
	}
	page_end_line(page);
	snprintf(heading, sizeof(heading), "%zu windows", json_array_size(windows));
	render_series_heading(heading, page);
	for (size_t i = 0; i < sizeof(window_curves) / sizeof(window_curves[0]); i++) {
		render_window_curve(windows, &window_curves[i], page);
	}
}

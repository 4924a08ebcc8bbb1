#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "format.h"
#include "chart_frame.h"
#include "picture.h"

#define OVERLAP       1.45 /* the highest bin reaches so many spacings up */
#define PANEL_GAP     26.0
#define PANEL_HEADING 20.0
#define HEADS         18.0 /* above the ridges: what the numbers beside them are */
#define X_LABELS      20.0
#define X_TICK_ROOM   44.0
#define SIDE_GAP      8.0
#define BINS_MAX      400u
#define DECADES_MIN   2.0
#define DECADES_MAX   20.0

struct ridges {
	struct chart_frame frame;
	const json_t *figures, *runs;
	double lo, bins_per_decade; /* of a histogram */
	double highest;             /* share of features in one bin */
	struct axis x;
};

struct ridge_panel {
	const struct ridges *all;
	const json_t *windows;
	struct box box; /* of the ridges alone */
	double left, right, spacing;
};

/* ---- values ---- */

static double share_of(const json_t *window, size_t bin) {
	double features = document_count(window, "d_sae");
	double count = json_number_value(json_array_get(json_object_get(window, "counts"), bin));

	return features > 0 ? count / features : 0;
}

static size_t n_bins(const json_t *window) {
	size_t n = json_array_size(json_object_get(window, "counts"));

	return n < BINS_MAX ? n : BINS_MAX;
}

/* What one firing in the window is. */
static double resolution_of(const json_t *window) {
	double n_tokens = document_count(window, "n_tokens");

	return n_tokens >= 1 ? 1 / n_tokens : 1;
}

static void measure(struct ridges *r) {
	double finest = 1;
	size_t i, k;
	json_t *run, *window;

	json_array_foreach(r->runs, i, run) {
		json_array_foreach(json_object_get(run, "windows"), k, window) {
			finest = fmin(finest, resolution_of(window));
			for (size_t bin = 0; bin < n_bins(window); bin++) {
				r->highest = fmax(r->highest, share_of(window, bin));
			}
		}
	}
	double decades = fmin(DECADES_MAX, fmax(DECADES_MIN, -floor(log10(finest) * 2 - 0.1) / 2));
	axis_make(pow(10, -decades), 1, true, TICKS_MAX, &r->x);
}

/* ---- one ridge ---- */

static void draw_ridge(const struct ridge_panel *p, const json_t *window, double base, double age) {
	const struct ridges *r = p->all;
	struct place line[2 * BINS_MAX + 2];
	size_t n = n_bins(window), len = 0;
	double tall = p->spacing * OVERLAP / fmax(r->highest, 1e-12);

	for (size_t bin = 0; bin < n; bin++) {
		double y = base - share_of(window, bin) * tall;
		for (size_t end = 0; end < 2; end++) {
			double at = pow(10, r->lo + (double)(bin + end) / r->bins_per_decade);
			double x = fmax(p->box.left, frame_x(&p->box, &r->x, at));
			line[1 + len++] = (struct place){x, y};
		}
	}
	if (n == 0) {
		return;
	}
	line[0] = (struct place){line[1].x, base};
	line[len + 1] = (struct place){line[len].x, base};
	const struct pen rim = {r->frame.theme->ground, 2, 0};
	struct colour colour = theme_age(r->frame.theme, age);
	const struct pen edge = {colour, 1, 0};
	canvas_line(r->frame.canvas, line, len + 2, &rim);
	canvas_area(r->frame.canvas, line, len + 2, colour);
	canvas_line(r->frame.canvas, line, len + 2, &edge);
}

static void draw_numbers(const struct ridge_panel *p, const json_t *window, double base) {
	const struct chart_frame *f = &p->all->frame;
	struct lettering left = frame_faint(f, SIZE_TICKS, ANCHOR_END);
	struct lettering right = frame_lettering(f, SIZE_TICKS, ANCHOR_END);
	double features = document_count(window, "d_sae");
	char step[FORMAT_MAX], share[FORMAT_MAX];

	canvas_words(f->canvas, p->box.left - SIDE_GAP, base,
		format_grouped(step, (uint64_t)document_count(window, "step_last")), &left);
	if (features > 0) {
		snprintf(share, sizeof share, "%.1f %%",
			100 * document_count(window, "never_fired") / features);
		canvas_words(f->canvas, p->right, base, share, &right);
	}
}

static void draw_resolution(const struct ridge_panel *p, const json_t *window, double base) {
	const struct chart_frame *f = &p->all->frame;
	const struct pen pen = {f->theme->warning, 1.2, 3};
	double x = frame_x(&p->box, &p->all->x, resolution_of(window));

	canvas_segment(f->canvas, x, base + 2, x, base - p->spacing + 2, &pen);
}

/* ---- panels ---- */

static void draw_heads(const struct ridge_panel *p, double top) {
	const struct chart_frame *f = &p->all->frame;
	struct lettering left = frame_faint(f, SIZE_SMALL, ANCHOR_START);
	struct lettering right = frame_faint(f, SIZE_SMALL, ANCHOR_END);
	struct lettering mark = frame_faint(f, SIZE_SMALL, ANCHOR_START);
	const json_t *first = json_array_get(p->windows, 0);

	mark.colour = f->theme->warning;
	canvas_words(f->canvas, p->left, top + SIZE_SMALL, "through step", &left);
	canvas_words(f->canvas, p->right, top + SIZE_SMALL, "never fired", &right);
	if (first != NULL) {
		char words[64], tokens[FORMAT_MAX];
		snprintf(words, sizeof words, "resolution: 1 in %s tokens",
			format_count(tokens, document_count(first, "n_tokens"), 4));
		double x = frame_x(&p->box, &p->all->x, resolution_of(first));
		double start = canvas_width_of(f->canvas, "through step", &left) + p->left + 8;
		double end = p->right - canvas_width_of(f->canvas, "never fired", &right) - 8;
		double width = canvas_width_of(f->canvas, words, &mark);
		x = fmin(fmax(x - 4, start), end - width);
		if (x >= start) {
			canvas_words(f->canvas, x, top + SIZE_SMALL, words, &mark);
		}
	}
}

static double side_width(const struct chart_frame *f, const json_t *windows, const char *head) {
	struct lettering l = frame_faint(f, SIZE_TICKS, ANCHOR_END);
	char step[FORMAT_MAX];
	double most = canvas_width_of(f->canvas, head, &l);
	size_t i;
	json_t *window;

	json_array_foreach(windows, i, window) {
		(void)format_grouped(step, (uint64_t)document_count(window, "step_last"));
		most = fmax(most, canvas_width_of(f->canvas, step, &l));
	}
	return most + SIDE_GAP;
}

static void draw_panel(struct ridges *r, const json_t *run, struct box box, bool named) {
	struct ridge_panel p = {.all = r,
		.windows = json_object_get(run, "windows"),
		.left = box.left,
		.right = box.right};
	struct lettering l = frame_lettering(&r->frame, SIZE_HEADING, ANCHOR_START);
	const char *label = document_text(run, "label");
	size_t n = json_array_size(p.windows);

	if (named) {
		(void)canvas_words_within(r->frame.canvas, box.left, box.top + SIZE_HEADING,
			label != NULL ? label : "", box.right - box.left, &l);
		box.top += PANEL_HEADING;
	}
	p.box = (struct box){box.left + side_width(&r->frame, p.windows, "through"),
		box.top + HEADS, box.right - side_width(&r->frame, NULL, "100.0 %"),
		box.bottom - X_LABELS};
	p.spacing = (p.box.bottom - p.box.top) / ((double)n - 1 + OVERLAP);
	size_t most = (size_t)fmin(
		TICKS_MAX, fmax(2, floor((p.box.right - p.box.left) / X_TICK_ROOM) + 1));
	axis_make(r->x.low, r->x.high, true, most, &r->x);
	draw_heads(&p, box.top);
	frame_x_axis(&r->frame, &p.box, &r->x, true);
	for (size_t i = 0; i < n; i++) {
		const json_t *window = json_array_get(p.windows, i);
		double base = p.box.bottom - (double)(n - 1 - i) * p.spacing;
		draw_ridge(&p, window, base, n > 1 ? (double)i / (double)(n - 1) : 1);
		draw_resolution(&p, window, base);
		draw_numbers(&p, window, base);
	}
}

static void draw_note(struct ridges *r) {
	struct lettering l = frame_faint(&r->frame, SIZE_SMALL, ANCHOR_MIDDLE);
	char words[128];

	snprintf(words, sizeof words,
		"height: share of all features in a bin of 1/%.0f decade, at most %.3g %%",
		r->bins_per_decade, 100 * r->highest);
	(void)canvas_words_within(r->frame.canvas, (r->frame.box.left + r->frame.box.right) / 2,
		r->frame.box.bottom, words, r->frame.box.right - r->frame.box.left, &l);
	r->frame.box.bottom -= SIZE_SMALL + 6;
}

void draw_ridges(struct canvas *canvas, const struct picture *p, const json_t *figures) {
	struct ridges r = {.figures = figures,
		.runs = json_object_get(figures, "runs"),
		.lo = document_count(figures, "lo"),
		.bins_per_decade = fmax(1, document_count(figures, "bins_per_decade"))};
	size_t n = json_array_size(r.runs), abreast = picture_panel_columns(p->width, n);
	size_t rows = n > 0 ? (n + abreast - 1) / abreast : 1;

	measure(&r);
	frame_begin(
		&r.frame, canvas, p->theme, p->width, p->height, document_text(figures, "title"));
	draw_note(&r);
	frame_below(
		&r.frame, "feature density (share of tokens on which a feature fires, log scale)");
	const struct box *all = &r.frame.box;
	double width =
		(all->right - all->left - PANEL_GAP * (double)(abreast - 1)) / (double)abreast;
	double height = (all->bottom - all->top - PANEL_GAP * (double)(rows - 1)) / (double)rows;
	for (size_t i = 0; i < n; i++) {
		size_t row = i / abreast, column = i % abreast;
		double left = all->left + (double)column * (width + PANEL_GAP);
		double top = all->top + (double)row * (height + PANEL_GAP);
		draw_panel(&r, json_array_get(r.runs, i),
			(struct box){left, top, left + width, top + height}, n > 1);
	}
}

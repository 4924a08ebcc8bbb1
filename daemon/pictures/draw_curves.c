#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "chart_frame.h"
#include "picture.h"

#define PANEL_HEADING 22.0 /* above each, its metric */
#define PANEL_GAP_X   22.0
#define PANEL_GAP_Y   20.0
#define X_LABELS      20.0 /* below the lowest ones, the ticks' labels */
#define X_TICK_ROOM   56.0
#define Y_TICK_ROOM   30.0
#define Y_TICK_DENSE  20.0 /* of a logarithmic axis, whose marks come at 1, 2 and 5 */
#define TWO_ABREAST   480.0
#define BAND_ALPHA    0.22
#define EDGE_ALPHA    0.55
#define EDGE_WIDTH    0.6
#define LINE_WIDTH    1.5
#define DOT_RADIUS    2.5
#define MARK          3.0 /* of a column with values that are not finite: half a cross */

struct panel {
	const json_t *figures;
	struct box box;
	struct axis y;
};

struct curves {
	struct chart_frame frame;
	const json_t *figures, *panels;
	size_t n, abreast, n_rows, n_not_finite;
	struct panel *panel;
	struct axis x;
};

size_t picture_panel_columns(double width, size_t n_panels) {
	return width < TWO_ABREAST || n_panels == 1 || n_panels == 3 ? 1 : 2;
}

/* ---- values ---- */

static bool number_in(const json_t *series, const char *list, size_t i, double *ret) {
	const json_t *value = json_array_get(json_object_get(series, list), i);

	*ret = json_number_value(value);
	return json_is_number(value);
}

static void extremes(const json_t *panel, double *ret_low, double *ret_high) {
	double low = INFINITY, high = -INFINITY, value;
	size_t i;
	json_t *series;

	json_array_foreach(json_object_get(panel, "series"), i, series) {
		size_t n = json_array_size(json_object_get(series, "x"));
		for (size_t k = 0; k < n; k++) {
			low = number_in(series, "min", k, &value) ? fmin(low, value) : low;
			high = number_in(series, "max", k, &value) ? fmax(high, value) : high;
		}
	}
	*ret_low = low <= high ? low : 0;
	*ret_high = low <= high ? high : 1;
}

/* ---- a series ---- */

struct trace {
	const struct curves *curves;
	const struct panel *panel;
	struct pen pen;
	struct place *upper, *lower, *middle;
	size_t n;       /* columns without a gap, so far */
	double crossed; /* where the last cross is */
};

/* What goes up from low to high, and the mean; then a new one may begin. */
static void trace_end(struct trace *t) {
	struct canvas *c = t->curves->frame.canvas;

	const struct pen edge = {theme_faded(t->pen.colour, EDGE_ALPHA), EDGE_WIDTH, 0};

	canvas_line(c, t->upper, t->n, &edge);
	canvas_line(c, t->lower, t->n, &edge);
	for (size_t i = 0; i < t->n; i++) {
		t->upper[t->n + i] = t->lower[t->n - 1 - i];
	}
	canvas_area(c, t->upper, 2 * t->n, theme_faded(t->pen.colour, BAND_ALPHA));
	canvas_line(c, t->middle, t->n, &t->pen);
	if (t->n == 1) {
		canvas_disc(c, t->middle[0], DOT_RADIUS, t->pen.colour, &t->pen);
	}
	t->n = 0;
}

static void cross(const struct curves *c, const struct panel *p, double x, struct pen pen) {
	double y = p->box.top + MARK + 1;

	canvas_segment(c->frame.canvas, x - MARK, y - MARK, x + MARK, y + MARK, &pen);
	canvas_segment(c->frame.canvas, x - MARK, y + MARK, x + MARK, y - MARK, &pen);
}

/* In the colour of its run where there are several, whose own might be the warning's. */
static struct colour cross_colour(const struct curves *c, struct colour run) {
	bool several = json_array_size(json_object_get(c->figures, "runs")) > 1;

	return several ? run : c->frame.theme->warning;
}

/* Crosses of a run are not on one another: a thousand of them were a bar. */
static void trace_cross(struct trace *t, double x) {
	if (x - t->crossed > 2 * MARK + 1) {
		cross(t->curves, t->panel, x,
			(struct pen){cross_colour(t->curves, t->pen.colour), 1.2, 0});
		t->crossed = x;
	}
}

static void trace_column(struct trace *t, const json_t *series, size_t i) {
	const struct panel *p = t->panel;
	double at, min, mean, max, not_finite = 0;

	(void)number_in(series, "x", i, &at);
	double x = frame_x(&p->box, &t->curves->x, at);
	if (number_in(series, "not_finite", i, &not_finite) && not_finite > 0) {
		trace_cross(t, x);
	}
	if (!number_in(series, "min", i, &min) || !number_in(series, "mean", i, &mean) ||
		!number_in(series, "max", i, &max)) {
		trace_end(t);
		return;
	}
	t->upper[t->n] = (struct place){x, frame_y(&p->box, &p->y, max)};
	t->lower[t->n] = (struct place){x, frame_y(&p->box, &p->y, min)};
	t->middle[t->n++] = (struct place){x, frame_y(&p->box, &p->y, mean)};
}

static void draw_series(const struct curves *c, const struct panel *p, const json_t *series) {
	size_t n = json_array_size(json_object_get(series, "x"));
	struct trace t = {
		.curves = c,
		.panel = p,
		.pen = theme_pen(c->frame.theme,
			(size_t)json_integer_value(json_object_get(series, "run")), LINE_WIDTH),
		.upper = calloc(2 * n + 1, sizeof(struct place)),
		.lower = calloc(n + 1, sizeof(struct place)),
		.middle = calloc(n + 1, sizeof(struct place)),
		.crossed = -INFINITY,
	};

	if (t.upper != NULL && t.lower != NULL && t.middle != NULL) {
		for (size_t i = 0; i < n; i++) {
			trace_column(&t, series, i);
		}
		trace_end(&t);
	}
	free(t.upper);
	free(t.lower);
	free(t.middle);
}

/* ---- panels ---- */

static void draw_heading(const struct curves *c, const struct panel *p, double left) {
	struct lettering l = frame_lettering(&c->frame, SIZE_HEADING, ANCHOR_START);
	struct lettering small = frame_faint(&c->frame, SIZE_SMALL, ANCHOR_START);
	const char *label = document_text(p->figures, "label");
	double y = p->box.top - 8;

	double width = canvas_words_within(
		c->frame.canvas, left, y, label != NULL ? label : "", p->box.right - left, &l);
	if (p->y.log && p->box.right - left - width > 60) {
		canvas_words(c->frame.canvas, left + width + 6, y, "log scale", &small);
	}
}

static void draw_panel(const struct curves *c, const struct panel *p, double left, bool lowest) {
	size_t i;
	json_t *series;

	draw_heading(c, p, left);
	frame_y_axis(&c->frame, &p->box, &p->y);
	frame_x_axis(&c->frame, &p->box, &c->x, lowest);
	struct box inside = p->box;
	inside.left -= 2;
	inside.right += 2;
	canvas_clip(c->frame.canvas, &inside);
	json_array_foreach(json_object_get(p->figures, "series"), i, series) {
		draw_series(c, p, series);
	}
	canvas_clip(c->frame.canvas, NULL);
}

/* Panels of one column begin at the same place, however wide their ticks' labels. */
static double tick_width(const struct curves *c, size_t column) {
	double most = 0;

	for (size_t i = column; i < c->n; i += c->abreast) {
		most = fmax(most, frame_tick_width(&c->frame, &c->panel[i].y));
	}
	return most;
}

static size_t ticks_in(double length, double room) {
	return (size_t)fmin(TICKS_MAX, fmax(2, floor(length / room) + 1));
}

static void make_y_axis(struct panel *p, double height) {
	double low, high;
	const char *axis = document_text(p->figures, "axis");
	bool log = axis != NULL && strcmp(axis, "log") == 0;

	extremes(p->figures, &low, &high);
	axis_make_roomy(low, high, log, ticks_in(height, log ? Y_TICK_DENSE : Y_TICK_ROOM), &p->y);
}

static void draw_panels(struct curves *c) {
	const struct box *all = &c->frame.box;
	double width = (all->right - all->left - PANEL_GAP_X * (double)(c->abreast - 1)) /
		       (double)c->abreast;
	double height =
		(all->bottom - X_LABELS - all->top - PANEL_GAP_Y * (double)(c->n_rows - 1)) /
		(double)c->n_rows;

	for (size_t i = 0; i < c->n; i++) {
		make_y_axis(&c->panel[i], height - PANEL_HEADING);
	}
	for (size_t i = 0; i < c->n; i++) {
		struct panel *p = &c->panel[i];
		size_t column = i % c->abreast, row = i / c->abreast;
		double left = all->left + (double)column * (width + PANEL_GAP_X);
		double top = all->top + (double)row * (height + PANEL_GAP_Y);
		p->box = (struct box){left + tick_width(c, column), top + PANEL_HEADING,
			left + width - 6, top + height};
		size_t most = (size_t)fmin(
			TICKS_MAX, fmax(2, floor((p->box.right - p->box.left) / X_TICK_ROOM) + 1));
		axis_make_to_tick(document_count(c->figures, "x_low"),
			document_count(c->figures, "x_high"), most, &c->x);
		draw_panel(c, p, left, i + c->abreast >= c->n);
	}
}

static void draw_note(struct curves *c) {
	struct lettering l = frame_faint(&c->frame, SIZE_SMALL, ANCHOR_START);
	const struct pen pen = {cross_colour(c, c->frame.theme->ink), 1.2, 0};
	const struct panel mark = {.box = {0, c->frame.box.top + 2, 0, 0}};
	char words[96];

	if (c->n_not_finite > 0) {
		cross(c, &mark, c->frame.box.left + 4, pen);
		snprintf(words, sizeof words, "not finite (NaN or infinite): %zu value%s",
			c->n_not_finite, c->n_not_finite == 1 ? "" : "s");
		canvas_words(
			c->frame.canvas, c->frame.box.left + 13, c->frame.box.top + 8, words, &l);
		c->frame.box.top += 18;
	}
}

static void draw_legend(struct curves *c) {
	const json_t *runs = json_object_get(c->figures, "runs");
	size_t n = json_array_size(runs);
	const char **names = calloc(n + 1, sizeof *names);

	for (size_t i = 0; names != NULL && i < n; i++) {
		const char *label = document_text(json_array_get(runs, i), "label");
		names[i] = label != NULL ? label : "";
	}
	if (names != NULL && n > 1) {
		frame_legend(&c->frame, names, n);
	}
	free(names);
}

static size_t count_not_finite(const json_t *panels) {
	size_t n = 0, i, k;
	json_t *panel, *series;

	json_array_foreach(panels, i, panel) {
		json_array_foreach(json_object_get(panel, "series"), k, series) {
			n += (size_t)document_count(series, "n_not_finite");
		}
	}
	return n;
}

void draw_curves(struct canvas *canvas, const struct picture *p, const json_t *figures) {
	struct curves c = {.figures = figures, .panels = json_object_get(figures, "panels")};
	const char *x_label = document_text(figures, "x_label");

	c.n = json_array_size(c.panels);
	c.n_not_finite = count_not_finite(c.panels);
	c.abreast = picture_panel_columns(p->width, c.n);
	c.n_rows = (c.n + c.abreast - 1) / c.abreast;
	c.panel = calloc(c.n + 1, sizeof *c.panel);
	frame_begin(
		&c.frame, canvas, p->theme, p->width, p->height, document_text(figures, "title"));
	draw_legend(&c);
	draw_note(&c);
	frame_below(&c.frame, x_label != NULL ? x_label : "");
	for (size_t i = 0; c.panel != NULL && i < c.n; i++) {
		c.panel[i].figures = json_array_get(c.panels, i);
	}
	if (c.panel != NULL && c.n > 0) {
		draw_panels(&c);
	}
	free(c.panel);
}

#include "curve_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "braille.h"
#include "ticks.h"

#define LABEL_WIDTH   7u /* of the y axis, and its line */
#define AXIS_HEIGHT   2u
#define X_LABEL_ROOM  9u   /* columns that a mark and its label want */
#define LOG_SPAN      20.0 /* from where positive values look better on a logarithmic scale */
#define LINEAR_MARGIN 0.04 /* of the range, above and below */

struct range {
	double low, high;
	bool log;
};

/* ---- what is drawn ---- */

static double item_of(const json_t *list, size_t i) {
	const json_t *item = json_array_get(list, i);

	return json_is_number(item) ? json_number_value(item) : NAN;
}

static double step_of(const struct curve *c, size_t i, size_t n) {
	return c->step_first + (c->step_last - c->step_first) * ((double)i + 0.5) / (double)n;
}

static double place_of(
	const struct curve *c, const json_t *curves, enum curve_axis axis, size_t i, size_t n) {
	const json_t *times = document_at(curves, "times");

	switch (axis) {
	case CURVE_TOKENS:
		return item_of(document_at(curves, "tokens"), i);
	case CURVE_TIME:
		return item_of(times, i) - item_of(times, 0);
	default:
		return step_of(c, i, n);
	}
}

void curve_read(const json_t *curves, const char *metric, enum curve_axis axis, struct curve *ret) {
	const json_t *one = json_object_get(document_at(curves, "series"), metric);
	const json_t *means = document_at(one, "values"), *lows = document_at(one, "lows");
	const json_t *broken = document_at(one, "not_finite");

	memset(ret, 0, sizeof(*ret));
	ret->step_first = document_count(curves, "step_first");
	ret->step_last = document_count(curves, "step_last");
	size_t n = json_array_size(means);
	ret->n = n < CURVE_POINTS_MAX ? n : CURVE_POINTS_MAX;
	for (size_t i = 0; i < ret->n; i++) {
		ret->at[i] = place_of(ret, curves, axis, i, n);
		ret->mean[i] = item_of(means, i);
		ret->low[i] = lows ? item_of(lows, i) : ret->mean[i];
		ret->high[i] = lows ? item_of(document_at(one, "highs"), i) : ret->mean[i];
	}
	for (size_t i = 0; i < json_array_size(broken); i++) {
		double point = item_of(broken, i);
		if (point >= 0 && point < (double)ret->n) {
			ret->broken[(size_t)point] = true;
		}
	}
}

unsigned curve_points(unsigned width) {
	unsigned columns = width > LABEL_WIDTH ? width - LABEL_WIDTH : 1;
	unsigned points = columns * BRAILLE_ACROSS;

	return points < CURVE_POINTS_MAX ? points : CURVE_POINTS_MAX;
}

/* ---- ranges ---- */

static struct range range_of(const double *low, const double *high, size_t n) {
	struct range r = {.low = INFINITY, .high = -INFINITY};

	for (size_t i = 0; i < n; i++) {
		r.low = isfinite(low[i]) ? fmin(r.low, low[i]) : r.low;
		r.high = isfinite(high[i]) ? fmax(r.high, high[i]) : r.high;
	}
	return r;
}

bool curve_is_log(const struct curve *c, enum curve_scale scale) {
	struct range r = range_of(c->low, c->high, c->n);

	return scale != CURVE_LINEAR && r.low > 0 && r.high > r.low &&
	       (scale == CURVE_LOG || r.high / r.low >= LOG_SPAN);
}

static struct range values_range(const struct curve *c, enum curve_scale scale) {
	struct range r = range_of(c->low, c->high, c->n);

	if (curve_is_log(c, scale)) {
		return (struct range){log10(r.low), log10(r.high), true};
	}
	/* A constant has a line in the middle. */
	double margin = r.high > r.low ? LINEAR_MARGIN * (r.high - r.low)
			: r.high != 0  ? fabs(r.high)
				       : 1;
	bool positive = r.low >= 0;
	r.low = positive && r.high > 0 && r.low <= margin ? 0 : r.low - margin;
	r.high += margin;
	return r;
}

/* 0 … 1 within the range; outside of it beyond that. */
static double share_of(const struct range *r, double value) {
	double at = r->log ? log10(value) : value;

	return r->high > r->low ? (at - r->low) / (r->high - r->low) : 0.5;
}

/* ---- the curve ---- */

struct canvas {
	struct braille dots;
	struct range x, y;
};

static int column_of(const struct canvas *k, double at) {
	double last = k->dots.width * BRAILLE_ACROSS - 1.0;

	return (int)lround(share_of(&k->x, at) * last);
}

static int row_of(const struct canvas *k, double value) {
	double last = k->dots.height * BRAILLE_DOWN - 1.0;

	return (int)lround((1 - share_of(&k->y, value)) * last);
}

/* The line goes on from the point before, where there is one. */
static void draw_points(const struct curve *c, struct canvas *k) {
	int x0 = -1, y0 = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (!isfinite(c->at[i]) || !isfinite(c->mean[i])) {
			x0 = isfinite(c->at[i]) ? -1 : x0;
			continue;
		}
		int x = column_of(k, c->at[i]), y = row_of(k, c->mean[i]);
		braille_span(&k->dots, x, row_of(k, c->low[i]), row_of(k, c->high[i]));
		if (x0 >= 0) {
			braille_line(&k->dots, x0, y0, x, y);
		} else {
			braille_dot(&k->dots, x, y);
		}
		x0 = x;
		y0 = y;
	}
}

static void draw_broken(
	const struct curve *c, const struct canvas *k, const struct rect *plot, struct grid *g) {
	for (size_t i = 0; i < c->n; i++) {
		if (c->broken[i] && isfinite(c->at[i])) {
			unsigned column = (unsigned)column_of(k, c->at[i]) / BRAILLE_ACROSS;
			(void)grid_put(
				g, plot->x + column, plot->y, 1, STYLE_BAD, g->utf8 ? "×" : "x");
		}
	}
}

/* ---- axes ---- */

static void draw_y_axis(const struct canvas *k, const struct rect *plot, struct grid *g) {
	size_t max = plot->height >= 9 ? plot->height / 3 : plot->height / 2 + 1;
	struct ticks ticks;

	for (unsigned y = 0; y < plot->height; y++) {
		(void)grid_put(g, plot->x - 1, plot->y + y, 1, STYLE_DIM, g->utf8 ? "│" : "|");
	}
	if (k->y.log) {
		ticks_log(pow(10, k->y.low), pow(10, k->y.high), max, &ticks);
	} else {
		ticks_linear(k->y.low, k->y.high, max, &ticks);
	}
	for (size_t i = 0; i < ticks.n; i++) {
		int row = row_of(k, ticks.at[i]) / (int)BRAILLE_DOWN;
		if (row < 0 || row >= (int)plot->height) {
			continue;
		}
		grid_put_right(g, plot->x - LABEL_WIDTH, plot->y + (unsigned)row, LABEL_WIDTH - 2,
			STYLE_DIM, ticks.label[i]);
		(void)grid_put(
			g, plot->x - 1, plot->y + (unsigned)row, 1, STYLE_DIM, g->utf8 ? "┤" : "+");
	}
}

/* Seconds are told in the largest unit of which there are two. */
static double time_unit(double seconds, const char **ret_name) {
	static const struct {
		double seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
	size_t i = 0;

	while (i < 3 && seconds < 2 * units[i].seconds) {
		i++;
	}
	*ret_name = units[i].name;
	return units[i].seconds;
}

/* A label is centred below its mark, but stays inside, and leaves a blank to the one before it. */
static void put_x_label(const struct rect *plot, unsigned at, const char *label,
	unsigned *next_free, struct grid *g) {
	unsigned width = glyph_columns(label, g->utf8);
	unsigned from = at > width / 2 ? at - width / 2 : 0;

	from = from + width > plot->width ? plot->width - width : from;
	if (width > plot->width || from < *next_free) {
		return;
	}
	(void)grid_put(g, plot->x + from, plot->y + plot->height + 1, width, STYLE_DIM, label);
	*next_free = from + width + 1;
}

static void draw_x_axis(
	const struct canvas *k, enum curve_axis axis, const struct rect *plot, struct grid *g) {
	unsigned y = plot->y + plot->height, next_free = 0;
	const char *unit = "";
	double scale = axis == CURVE_TIME ? time_unit(k->x.high - k->x.low, &unit) : 1;
	struct ticks ticks;

	(void)grid_put(g, plot->x - 1, y, 1, STYLE_DIM, g->utf8 ? "└" : "+");
	for (unsigned x = 0; x < plot->width; x++) {
		(void)grid_put(g, plot->x + x, y, 1, STYLE_DIM, g->utf8 ? "─" : "-");
	}
	ticks_linear(k->x.low / scale, k->x.high / scale, plot->width / X_LABEL_ROOM + 1, &ticks);
	for (size_t i = 0; i < ticks.n; i++) {
		char label[FORMAT_MAX + 2];
		unsigned at = (unsigned)column_of(k, ticks.at[i] * scale) / BRAILLE_ACROSS;
		(void)grid_put(g, plot->x + at, y, 1, STYLE_DIM, g->utf8 ? "┬" : "+");
		snprintf(label, sizeof(label), "%s%s", ticks.label[i],
			strcmp(ticks.label[i], "0") == 0 ? "" : unit);
		put_x_label(plot, at, label, &next_free, g);
	}
}

/* Steps from the first to the last, though a point stands for many; tokens and time from 0. */
static struct range places_range(const struct curve *c, enum curve_axis axis) {
	struct range r = range_of(c->at, c->at, c->n);

	if (axis == CURVE_STEPS) {
		return (struct range){.low = c->step_first, .high = c->step_last};
	}
	r.low = fmin(r.low, 0);
	return r;
}

int curve_draw(const struct curve *c, enum curve_scale scale, enum curve_axis axis,
	const struct rect *r, struct grid *g) {
	if (r->width <= LABEL_WIDTH + 1 || r->height <= AXIS_HEIGHT + 1) {
		return CURVE_DRAWN;
	}
	struct rect plot = {
		r->x + LABEL_WIDTH, r->y, r->width - LABEL_WIDTH, r->height - AXIS_HEIGHT};
	struct canvas k = {.x = places_range(c, axis), .y = values_range(c, scale)};
	if (!(range_of(c->at, c->at, c->n).low <= k.x.high)) {
		return CURVE_NOWHERE;
	}
	if (!isfinite(k.y.low) || !isfinite(k.y.high)) {
		return CURVE_NOT_FINITE;
	}
	int err = braille_init(&k.dots, plot.width, plot.height);
	if (err < 0) {
		return err;
	}
	draw_y_axis(&k, &plot, g);
	draw_x_axis(&k, axis, &plot, g);
	draw_points(c, &k);
	braille_draw(&k.dots, g, plot.x, plot.y, STYLE_PLAIN);
	draw_broken(c, &k, &plot, g);
	braille_finish(&k.dots);
	return CURVE_DRAWN;
}

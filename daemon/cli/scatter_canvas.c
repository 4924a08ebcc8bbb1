#include "scatter_canvas.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MIN 12u
#define LINES_MAX 20u
#define COLUMNS_A_LINE                                                                             \
	6u /* of width: the picture is wider than high, as letters are higher than wide */
#define COLUMNS_MIN    16u
#define COLUMNS_A_TICK 9u
#define LINES_A_TICK   2u
#define DOTS_ACROSS    2u /* of a braille cell */
#define DOTS_UPRIGHT   4u
#define MARGIN         0.04 /* of the range, so that no mark sits on the frame */

/* ---- axes ---- */

static double drawn(const struct scatter_axis *a, double value) {
	return a->logarithmic ? log10(value) : value;
}

static void axis_take(struct scatter_axis *a, double value) {
	a->low = fmin(a->low, drawn(a, value));
	a->high = fmax(a->high, drawn(a, value));
}

/* Room beside the outermost, and for a range of nothing some to be in the middle of. */
static void axis_widen(struct scatter_axis *a) {
	double span = a->high - a->low;
	double least = a->logarithmic ? 0.1 : fmax(fabs(a->high), 1e-9) * 1e-3;
	double margin = span > 0 ? span * MARGIN : least;

	a->low -= margin;
	a->high += margin;
}

static void axis_mark(struct scatter_axis *a, unsigned cells_a_tick) {
	unsigned most = a->n / cells_a_tick;

	most = most < 2 ? 2 : most;
	if (a->logarithmic) {
		ticks_log(pow(10, a->low), pow(10, a->high), most, &a->ticks);
	} else {
		ticks_linear(a->low, a->high, most, &a->ticks);
	}
}

/* 0 … n × parts - 1, from the low end. */
static unsigned axis_part(const struct scatter_axis *a, double value, unsigned parts) {
	double n = (double)a->n * parts;
	double at = (drawn(a, value) - a->low) / (a->high - a->low) * n;

	return (unsigned)fmin(fmax(at, 0), n - 1);
}

unsigned scatter_axis_cell(const struct scatter_axis *a, double value) {
	return axis_part(a, value, 1);
}

/* ---- the canvas ---- */

struct scatter_cell *scatter_cell_at(struct scatter_canvas *c, unsigned column, unsigned up) {
	return &c->cells[(size_t)(c->y.n - 1 - up) * c->x.n + column];
}

/* Both ends of every straight piece point to each other. */
static void draw_across(struct scatter_canvas *c, unsigned from, unsigned to, unsigned up) {
	for (unsigned i = from < to ? from : to, end = from < to ? to : from; i < end; i++) {
		scatter_cell_at(c, i, up)->line |= SIDE_RIGHT;
		scatter_cell_at(c, i + 1, up)->line |= SIDE_LEFT;
	}
}

static void draw_upright(struct scatter_canvas *c, unsigned column, unsigned from, unsigned to) {
	for (unsigned i = from < to ? from : to, end = from < to ? to : from; i < end; i++) {
		scatter_cell_at(c, column, i)->line |= SIDE_UP;
		scatter_cell_at(c, column, i + 1)->line |= SIDE_DOWN;
	}
}

/* Between two neighbours on the front the bound goes by the corner that is as bad as either on each axis. */
static void draw_step(struct scatter_canvas *c, const struct scatter *s,
	const struct scatter_point *left, const struct scatter_point *right) {
	unsigned x[2] = {scatter_axis_cell(&c->x, left->x), scatter_axis_cell(&c->x, right->x)};
	unsigned y[2] = {scatter_axis_cell(&c->y, left->y), scatter_axis_cell(&c->y, right->y)};
	unsigned corner_x = s->x_higher ? x[0] : x[1];
	unsigned corner_y = s->y_higher ? (y[0] < y[1] ? y[0] : y[1]) : (y[0] > y[1] ? y[0] : y[1]);

	for (size_t i = 0; i < 2; i++) {
		draw_across(c, x[i], corner_x, corner_y);
		draw_upright(c, x[i], y[i], corner_y);
	}
}

/* Column and height in dots. */
static void draw_dot(struct scatter_canvas *c, unsigned column, unsigned up) {
	static const uint8_t bits[DOTS_UPRIGHT][DOTS_ACROSS] = {
		{0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};

	scatter_cell_at(c, column / DOTS_ACROSS, up / DOTS_UPRIGHT)->dots |=
		bits[up % DOTS_UPRIGHT][column % DOTS_ACROSS];
}

static void draw_way(
	struct scatter_canvas *c, const struct scatter_spot *from, const struct scatter_spot *to) {
	double x[2] = {
		axis_part(&c->x, from->x, DOTS_ACROSS), axis_part(&c->x, to->x, DOTS_ACROSS)};
	double y[2] = {
		axis_part(&c->y, from->y, DOTS_UPRIGHT), axis_part(&c->y, to->y, DOTS_UPRIGHT)};
	unsigned steps = (unsigned)fmax(fmax(fabs(x[1] - x[0]), fabs(y[1] - y[0])), 1);

	for (unsigned i = 0; i <= steps; i++) {
		double part = (double)i / steps;
		draw_dot(c, (unsigned)lround(x[0] + part * (x[1] - x[0])),
			(unsigned)lround(y[0] + part * (y[1] - y[0])));
	}
}

/* Whether a mark can stand here without running into another. */
static bool has_room(struct scatter_canvas *c, unsigned column, unsigned up, size_t len) {
	unsigned from = column > 0 ? column - 1 : 0, to = column + (unsigned)len;

	for (unsigned i = from; i <= to && i < c->x.n; i++) {
		if (scatter_cell_at(c, i, up)->letter != '\0') {
			return false;
		}
	}
	return true;
}

static void draw_point(struct scatter_canvas *c, const struct scatter_point *p) {
	unsigned column = scatter_axis_cell(&c->x, p->x), up = scatter_axis_cell(&c->y, p->y);
	size_t len = strlen(p->mark);
	struct scatter_cell *cell = scatter_cell_at(c, column, up);

	/* Two letters begin where their point is, or end at the edge. */
	column = column + len > c->x.n ? (unsigned)(c->x.n - len) : column;
	if (len == 0 || (len > 1 && !has_room(c, column, up, len))) {
		cell->bullet = true;
		cell->style = cell->letter ? cell->style : p->style;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		cell = scatter_cell_at(c, column + (unsigned)i, up);
		cell->letter = p->mark[i];
		cell->style = p->style;
	}
}

static void canvas_fill(struct scatter_canvas *c, const struct scatter *s) {
	for (size_t i = 0; i < s->n_spots; i++) {
		const struct scatter_spot *to = &s->spots[i];
		draw_way(c, to->begins || i == 0 ? to : to - 1, to);
	}
	for (size_t i = 0; i + 1 < s->n_line; i++) {
		draw_step(c, s, &s->points[i], &s->points[i + 1]);
	}
	for (size_t i = s->n; i-- > 0;) {
		draw_point(c, &s->points[i]);
	}
}

static unsigned label_width(const struct scatter_axis *a) {
	size_t width = 0;

	for (size_t i = 0; i < a->ticks.n; i++) {
		size_t len = strlen(a->ticks.label[i]);
		width = len > width ? len : width;
	}
	return (unsigned)width;
}

static void axis_begin(struct scatter_axis *a, bool logarithmic) {
	*a = (struct scatter_axis){.low = INFINITY, .high = -INFINITY, .logarithmic = logarithmic};
}

int scatter_canvas_make(const struct scatter *s, unsigned width, struct scatter_canvas *c) {
	unsigned lines = width / COLUMNS_A_LINE;

	axis_begin(&c->x, s->x_log);
	axis_begin(&c->y, s->y_log);
	for (size_t i = 0; i < s->n; i++) {
		axis_take(&c->x, s->points[i].x);
		axis_take(&c->y, s->points[i].y);
	}
	for (size_t i = 0; i < s->n_spots; i++) {
		axis_take(&c->x, s->spots[i].x);
		axis_take(&c->y, s->spots[i].y);
	}
	axis_widen(&c->x);
	axis_widen(&c->y);
	c->y.n = lines < LINES_MIN ? LINES_MIN : lines > LINES_MAX ? LINES_MAX : lines;
	axis_mark(&c->y, LINES_A_TICK);
	c->label_width = label_width(&c->y);
	unsigned used = c->label_width + 4; /* `  0.90 ┤` and a blank at the right edge */
	c->x.n = width > used + COLUMNS_MIN ? width - used : COLUMNS_MIN;
	axis_mark(&c->x, COLUMNS_A_TICK);
	c->cells = calloc((size_t)c->x.n * c->y.n, sizeof(*c->cells));
	if (!c->cells) {
		return -ENOMEM;
	}
	canvas_fill(c, s);
	return 0;
}

void scatter_canvas_finish(struct scatter_canvas *c) {
	free(c->cells);
	c->cells = NULL;
}

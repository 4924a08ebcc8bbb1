#include "scatter.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ticks.h"

#define LOG_FACTOR    10.0
#define WIDTH_DEFAULT 80u
#define LINES_MIN     12u
#define LINES_MAX     20u
#define COLUMNS_A_LINE                                                                             \
	6u /* of width: the picture is wider than high, as letters are higher than wide */
#define COLUMNS_MIN    16u
#define COLUMNS_A_TICK 9u
#define LINES_A_TICK   2u
#define DOTS_ACROSS    2u /* of a braille cell */
#define DOTS_UPRIGHT   4u
#define MARGIN         0.04 /* of the range, so that no mark sits on the frame */

/* What a line of the front does in a cell: towards which sides it goes. */
enum side { SIDE_LEFT = 1, SIDE_RIGHT = 2, SIDE_UP = 4, SIDE_DOWN = 8 };

struct scatter_cell {
	unsigned line; /* bits of enum side */
	uint8_t dots;  /* of a braille glyph */
	bool bullet;
	char letter;
	enum style style;
};

struct axis {
	double low, high; /* in what is drawn: logarithms on a logarithmic axis */
	bool logarithmic;
	unsigned n; /* cells */
	struct ticks ticks;
};

struct canvas {
	struct axis x, y;
	unsigned label_width;       /* of y's ticks */
	struct scatter_cell *cells; /* y.n × x.n, the top line first */
};

bool scatter_wants_log(double least, double greatest) {
	return least > 0 && isfinite(greatest) && greatest >= LOG_FACTOR * least;
}

/* ---- axes ---- */

static double drawn(const struct axis *a, double value) {
	return a->logarithmic ? log10(value) : value;
}

static void axis_take(struct axis *a, double value) {
	a->low = fmin(a->low, drawn(a, value));
	a->high = fmax(a->high, drawn(a, value));
}

/* Room beside the outermost, and for a range of nothing some to be in the middle of. */
static void axis_widen(struct axis *a) {
	double span = a->high - a->low;
	double least = a->logarithmic ? 0.1 : fmax(fabs(a->high), 1e-9) * 1e-3;
	double margin = span > 0 ? span * MARGIN : least;

	a->low -= margin;
	a->high += margin;
}

static void axis_mark(struct axis *a, unsigned cells_a_tick) {
	unsigned most = a->n / cells_a_tick;

	most = most < 2 ? 2 : most;
	if (a->logarithmic) {
		ticks_log(pow(10, a->low), pow(10, a->high), most, &a->ticks);
	} else {
		ticks_linear(a->low, a->high, most, &a->ticks);
	}
}

/* 0 … n × parts - 1, from the low end. */
static unsigned axis_part(const struct axis *a, double value, unsigned parts) {
	double n = (double)a->n * parts;
	double at = (drawn(a, value) - a->low) / (a->high - a->low) * n;

	return (unsigned)fmin(fmax(at, 0), n - 1);
}

static unsigned axis_cell(const struct axis *a, double value) {
	return axis_part(a, value, 1);
}

/* ---- the canvas ---- */

static struct scatter_cell *cell_at(struct canvas *c, unsigned column, unsigned up) {
	return &c->cells[(size_t)(c->y.n - 1 - up) * c->x.n + column];
}

/* Both ends of every straight piece point to each other. */
static void draw_across(struct canvas *c, unsigned from, unsigned to, unsigned up) {
	for (unsigned i = from < to ? from : to, end = from < to ? to : from; i < end; i++) {
		cell_at(c, i, up)->line |= SIDE_RIGHT;
		cell_at(c, i + 1, up)->line |= SIDE_LEFT;
	}
}

static void draw_upright(struct canvas *c, unsigned column, unsigned from, unsigned to) {
	for (unsigned i = from < to ? from : to, end = from < to ? to : from; i < end; i++) {
		cell_at(c, column, i)->line |= SIDE_UP;
		cell_at(c, column, i + 1)->line |= SIDE_DOWN;
	}
}

/* Between two neighbours on the front the bound goes by the corner that is as bad as either on each axis. */
static void draw_step(struct canvas *c, const struct scatter *s, const struct scatter_point *left,
	const struct scatter_point *right) {
	unsigned x[2] = {axis_cell(&c->x, left->x), axis_cell(&c->x, right->x)};
	unsigned y[2] = {axis_cell(&c->y, left->y), axis_cell(&c->y, right->y)};
	unsigned corner_x = s->x_higher ? x[0] : x[1];
	unsigned corner_y = s->y_higher ? (y[0] < y[1] ? y[0] : y[1]) : (y[0] > y[1] ? y[0] : y[1]);

	for (size_t i = 0; i < 2; i++) {
		draw_across(c, x[i], corner_x, corner_y);
		draw_upright(c, x[i], y[i], corner_y);
	}
}

/* Column and height in dots. */
static void draw_dot(struct canvas *c, unsigned column, unsigned up) {
	static const uint8_t bits[DOTS_UPRIGHT][DOTS_ACROSS] = {
		{0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};

	cell_at(c, column / DOTS_ACROSS, up / DOTS_UPRIGHT)->dots |=
		bits[up % DOTS_UPRIGHT][column % DOTS_ACROSS];
}

static void draw_way(
	struct canvas *c, const struct scatter_spot *from, const struct scatter_spot *to) {
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
static bool has_room(struct canvas *c, unsigned column, unsigned up, size_t len) {
	unsigned from = column > 0 ? column - 1 : 0, to = column + (unsigned)len;

	for (unsigned i = from; i <= to && i < c->x.n; i++) {
		if (cell_at(c, i, up)->letter != '\0') {
			return false;
		}
	}
	return true;
}

static void draw_point(struct canvas *c, const struct scatter_point *p) {
	unsigned column = axis_cell(&c->x, p->x), up = axis_cell(&c->y, p->y);
	size_t len = strlen(p->mark);
	struct scatter_cell *cell = cell_at(c, column, up);

	/* Two letters begin where their point is, or end at the edge. */
	column = column + len > c->x.n ? (unsigned)(c->x.n - len) : column;
	if (len == 0 || (len > 1 && !has_room(c, column, up, len))) {
		cell->bullet = true;
		cell->style = cell->letter ? cell->style : p->style;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		cell = cell_at(c, column + (unsigned)i, up);
		cell->letter = p->mark[i];
		cell->style = p->style;
	}
}

static void canvas_fill(struct canvas *c, const struct scatter *s) {
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

static unsigned label_width(const struct axis *a) {
	size_t width = 0;

	for (size_t i = 0; i < a->ticks.n; i++) {
		size_t len = strlen(a->ticks.label[i]);
		width = len > width ? len : width;
	}
	return (unsigned)width;
}

static void axis_begin(struct axis *a, bool logarithmic) {
	*a = (struct axis){.low = INFINITY, .high = -INFINITY, .logarithmic = logarithmic};
}

static int canvas_make(const struct scatter *s, unsigned width, struct canvas *c) {
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
	return c->cells ? 0 : -ENOMEM;
}

/* ---- on the page ---- */

static const char *line_glyph(unsigned line, bool utf8) {
	static const char *const glyphs[16] = {
		" ", "─", "─", "─", "│", "┘", "└", "┴", "│", "┐", "┌", "┬", "│", "┤", "├", "┼"};
	unsigned across = line & (SIDE_LEFT | SIDE_RIGHT), upright = line & (SIDE_UP | SIDE_DOWN);

	if (utf8) {
		return glyphs[line];
	}
	return across && upright ? "+" : across ? "-" : upright ? "|" : " ";
}

static void put_dots(uint8_t dots, struct page *page) {
	/* U+2800 and the dots of it. */
	const char glyph[] = {
		(char)0xe2, (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f)), '\0'};

	page_put(page, STYLE_DIM, page->look.utf8 ? glyph : ".");
}

static void put_cell(const struct scatter_cell *cell, struct page *page) {
	char letter[2] = {cell->letter, '\0'};

	if (cell->letter) {
		page_put(page, cell->style, letter);
	} else if (cell->bullet) {
		page_put(page, cell->style, page->look.utf8 ? "•" : "o");
	} else if (cell->line == 0 && cell->dots != 0) {
		put_dots(cell->dots, page);
	} else {
		page_put(page, STYLE_DIM, line_glyph(cell->line, page->look.utf8));
	}
}

/* Marks that others were drawn over, and by whom. */
static void put_hidden(struct canvas *c, const struct scatter *s, struct page *page) {
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct scatter_point *p = &s->points[i];
		const struct scatter_cell *cell =
			cell_at(c, axis_cell(&c->x, p->x), axis_cell(&c->y, p->y));
		if (p->mark[0] == '\0' || p->mark[1] != '\0' || cell->letter == p->mark[0]) {
			continue;
		}
		page_printf(page, STYLE_DIM, any ? ", %s under %c" : " hidden: %s under %c",
			p->mark, cell->letter);
		any = true;
	}
	if (any) {
		page_end_line(page);
	}
}

/* The label of the tick in this line, NULL when none is. */
static const char *tick_in(const struct axis *a, unsigned cell) {
	for (size_t i = 0; i < a->ticks.n; i++) {
		if (axis_cell(a, a->ticks.at[i]) == cell) {
			return a->ticks.label[i];
		}
	}
	return NULL;
}

static void put_lines(struct canvas *c, struct page *page) {
	for (unsigned up = c->y.n; up-- > 0;) {
		const char *label = tick_in(&c->y, up);
		page_put(page, STYLE_PLAIN, " ");
		page_put_right(page, STYLE_DIM, label ? label : "", c->label_width);
		page_put(page, STYLE_DIM,
			page->look.utf8 ? (label ? " ┤" : " │") : (label ? " +" : " |"));
		for (unsigned i = 0; i < c->x.n; i++) {
			put_cell(cell_at(c, i, up), page);
		}
		page_end_line(page);
	}
}

static void put_frame(const struct canvas *c, struct page *page) {
	bool utf8 = page->look.utf8;

	page_tab(page, c->label_width + 2);
	page_put(page, STYLE_DIM, utf8 ? "└" : "+");
	for (unsigned i = 0; i < c->x.n; i++) {
		bool tick = tick_in(&c->x, i) != NULL;
		page_put(page, STYLE_DIM, utf8 ? (tick ? "┬" : "─") : (tick ? "+" : "-"));
	}
	page_end_line(page);
}

/* Each below its tick, where the one before it leaves room. */
static void put_x_labels(const struct canvas *c, struct page *page) {
	unsigned left = c->label_width + 3;

	for (size_t i = 0; i < c->x.ticks.n; i++) {
		unsigned len = (unsigned)strlen(c->x.ticks.label[i]);
		unsigned at = left + axis_cell(&c->x, c->x.ticks.at[i]);
		at -= len / 2 < at ? len / 2 : at;
		if (page->column == 0 || page->column < at) {
			page_tab(page, at);
			page_put(page, STYLE_DIM, c->x.ticks.label[i]);
		}
	}
	page_end_line(page);
}

static void put_x_title(const struct canvas *c, const struct scatter *s, struct page *page) {
	unsigned width = glyph_columns(s->x_title, page->look.utf8) + (s->x_log ? 12 : 0);
	unsigned left = c->label_width + 3;

	page_tab(page, left + (c->x.n > width ? (c->x.n - width) / 2 : 0));
	page_put(page, STYLE_DIM, s->x_title);
	if (s->x_log) {
		page_put(page, STYLE_DIM, " (log scale)");
	}
	page_end_line(page);
}

void scatter_draw(const struct scatter *s, struct page *page) {
	unsigned width = page->look.width > 0 ? page->look.width : WIDTH_DEFAULT;
	struct canvas c;

	if (s->n == 0) {
		return;
	}
	if (canvas_make(s, width, &c) < 0) {
		page->status = -ENOMEM;
		return;
	}
	canvas_fill(&c, s);
	page_put(page, STYLE_PLAIN, " ");
	page_put(page, STYLE_DIM, s->y_title);
	page_put(page, STYLE_DIM, s->y_log ? " (log scale)" : "");
	page_end_line(page);
	put_lines(&c, page);
	put_frame(&c, page);
	put_x_labels(&c, page);
	put_x_title(&c, s, page);
	put_hidden(&c, s, page);
	free(c.cells);
}

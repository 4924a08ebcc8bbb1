#include "scatter.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "scatter_canvas.h"

#define LOG_FACTOR    10.0
#define WIDTH_DEFAULT 80u

bool scatter_wants_log(double least, double greatest) {
	return least > 0 && isfinite(greatest) && greatest >= LOG_FACTOR * least;
}

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
static void put_hidden(struct scatter_canvas *c, const struct scatter *s, struct page *page) {
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct scatter_point *p = &s->points[i];
		const struct scatter_cell *cell = scatter_cell_at(
			c, scatter_axis_cell(&c->x, p->x), scatter_axis_cell(&c->y, p->y));
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
static const char *tick_in(const struct scatter_axis *a, unsigned cell) {
	for (size_t i = 0; i < a->ticks.n; i++) {
		if (scatter_axis_cell(a, a->ticks.at[i]) == cell) {
			return a->ticks.label[i];
		}
	}
	return NULL;
}

static void put_lines(struct scatter_canvas *c, struct page *page) {
	for (unsigned up = c->y.n; up-- > 0;) {
		const char *label = tick_in(&c->y, up);
		page_put(page, STYLE_PLAIN, " ");
		page_put_right(page, STYLE_DIM, label ? label : "", c->label_width);
		page_put(page, STYLE_DIM,
			page->look.utf8 ? (label ? " ┤" : " │") : (label ? " +" : " |"));
		for (unsigned i = 0; i < c->x.n; i++) {
			put_cell(scatter_cell_at(c, i, up), page);
		}
		page_end_line(page);
	}
}

static void put_frame(const struct scatter_canvas *c, struct page *page) {
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
static void put_x_labels(const struct scatter_canvas *c, struct page *page) {
	unsigned left = c->label_width + 3;

	for (size_t i = 0; i < c->x.ticks.n; i++) {
		unsigned len = (unsigned)strlen(c->x.ticks.label[i]);
		unsigned at = left + scatter_axis_cell(&c->x, c->x.ticks.at[i]);
		at -= len / 2 < at ? len / 2 : at;
		if (page->column == 0 || page->column < at) {
			page_tab(page, at);
			page_put(page, STYLE_DIM, c->x.ticks.label[i]);
		}
	}
	page_end_line(page);
}

static void put_x_title(
	const struct scatter_canvas *c, const struct scatter *s, struct page *page) {
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
	struct scatter_canvas c;

	if (s->n == 0) {
		return;
	}
	if (scatter_canvas_make(s, width, &c) < 0) {
		page->status = -ENOMEM;
		return;
	}
	page_put(page, STYLE_PLAIN, " ");
	page_put(page, STYLE_DIM, s->y_title);
	page_put(page, STYLE_DIM, s->y_log ? " (log scale)" : "");
	page_end_line(page);
	put_lines(&c, page);
	put_frame(&c, page);
	put_x_labels(&c, page);
	put_x_title(&c, s, page);
	put_hidden(&c, s, page);
	scatter_canvas_finish(&c);
}

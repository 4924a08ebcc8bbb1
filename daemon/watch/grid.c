#include "grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cell blank = {.bytes = " "};

int grid_init(struct grid *g, unsigned width, unsigned height, bool utf8) {
	*g = (struct grid){.width = width, .height = height, .utf8 = utf8};
	g->cells = calloc((size_t)width * height + 1, sizeof(*g->cells));
	if (!g->cells) {
		*g = (struct grid){0};
		return -ENOMEM;
	}
	grid_blank(g, &(struct rect){0, 0, width, height});
	return 0;
}

void grid_finish(struct grid *g) {
	free(g->cells);
	*g = (struct grid){0};
}

static struct cell *cell_at(const struct grid *g, unsigned x, unsigned y) {
	return x < g->width && y < g->height ? &g->cells[(size_t)y * g->width + x] : NULL;
}

const struct cell *grid_at(const struct grid *g, unsigned x, unsigned y) {
	return cell_at(g, x, y);
}

/* A mark goes onto the glyph before it, when there is room for its bytes. */
static void add_mark(struct grid *g, unsigned x, unsigned y, const struct glyph *mark) {
	struct cell *cell = x > 0 ? cell_at(g, x - 1, y) : NULL;

	size_t len = cell ? strlen(cell->bytes) : 0, more = strlen(mark->bytes);

	if (len > 0 && len + more < CELL_BYTES) {
		memcpy(cell->bytes + len, mark->bytes, more + 1);
	}
}

/* Two halves are one: what is written over one of them leaves nothing of the other. */
static void split_wide(struct grid *g, unsigned x, unsigned y) {
	struct cell *cell = cell_at(g, x, y), *right = cell_at(g, x + 1, y);

	if (cell && !cell->bytes[0] && x > 0) {
		*cell_at(g, x - 1, y) = blank;
	}
	if (right && !right->bytes[0]) {
		*right = blank;
	}
}

static void put_glyph(
	struct grid *g, unsigned x, unsigned y, unsigned style, const struct glyph *glyph) {
	struct cell *cell = cell_at(g, x, y), *right = cell_at(g, x + 1, y);

	if (glyph->width == 0) {
		add_mark(g, x, y, glyph);
		return;
	}
	if (!cell || (glyph->width == 2 && !right)) {
		return;
	}
	split_wide(g, x, y);
	*cell = (struct cell){.style = (uint8_t)style};
	memcpy(cell->bytes, glyph->bytes, sizeof(glyph->bytes));
	if (glyph->width == 2) {
		split_wide(g, x + 1, y);
		*right = (struct cell){.style = (uint8_t)style};
	}
}

static unsigned put_whole(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text) {
	struct glyph glyph;
	unsigned put = 0;

	while (glyph_next(&text, g->utf8, &glyph) && put + glyph.width <= width) {
		put_glyph(g, x + put, y, style, &glyph);
		put += glyph.width;
	}
	return put;
}

unsigned grid_put(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text) {
	const char *ellipsis = g->utf8 ? "…" : "..";
	unsigned ellipsis_width = g->utf8 ? 1 : 2;

	if (glyph_columns(text, g->utf8) <= width) {
		return put_whole(g, x, y, width, style, text);
	}
	if (width < ellipsis_width) {
		return 0;
	}
	unsigned put = put_whole(g, x, y, width - ellipsis_width, style, text);
	return put + put_whole(g, x + put, y, width - put, style, ellipsis);
}

unsigned grid_printf(struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style,
	const char *format, ...) {
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return grid_put(g, x, y, width, style, text);
}

/* Behind so many columns of it. */
static const char *skip_columns(const char *text, unsigned columns, bool utf8) {
	struct glyph glyph;

	for (unsigned skipped = 0; skipped < columns && glyph_next(&text, utf8, &glyph);) {
		skipped += glyph.width;
	}
	return text;
}

unsigned grid_put_middle(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text) {
	unsigned columns = glyph_columns(text, g->utf8);
	unsigned end = width / 2;

	if (columns <= width || end < 3) {
		return grid_put(g, x, y, width, style, text);
	}
	unsigned put = grid_put(g, x, y, width - end, style, text);
	const char *rest = skip_columns(text, columns - end, g->utf8);
	return put + put_whole(g, x + put, y, end, style, rest);
}

void grid_put_right(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text) {
	unsigned columns = glyph_columns(text, g->utf8);
	unsigned at = columns < width ? width - columns : 0;

	(void)grid_put(g, x + at, y, width - at, style, text);
}

void grid_blank(struct grid *g, const struct rect *r) {
	for (unsigned y = r->y; y < r->y + r->height; y++) {
		for (unsigned x = r->x; x < r->x + r->width && cell_at(g, x, y); x++) {
			*cell_at(g, x, y) = blank;
		}
	}
}

void grid_reverse(struct grid *g, unsigned x, unsigned y, unsigned width) {
	for (unsigned i = 0; i < width && cell_at(g, x + i, y); i++) {
		cell_at(g, x + i, y)->reversed = true;
	}
}

static void put_edge(struct grid *g, const struct rect *r, unsigned y, unsigned style,
	const char *left, const char *line, const char *right) {
	(void)grid_put(g, r->x, y, 1, style, left);
	for (unsigned x = 1; x + 1 < r->width; x++) {
		(void)grid_put(g, r->x + x, y, 1, style, line);
	}
	(void)grid_put(g, r->x + r->width - 1, y, 1, style, right);
}

/* ` title ` in the upper edge, and ` note ` at its end where both have room. */
static void put_titles(
	struct grid *g, const struct rect *r, unsigned style, const char *title, const char *note) {
	unsigned room = r->width > 4 ? r->width - 4 : 0, used = 0;

	if (title[0]) {
		used = grid_put(g, r->x + 2, r->y, room, style, title);
		(void)grid_put(g, r->x + 1, r->y, 1, style, " ");
		(void)grid_put(g, r->x + 2 + used, r->y, 1, style, " ");
	}
	unsigned needed = glyph_columns(note, g->utf8);
	if (note[0] && used + needed + 3 <= room) {
		unsigned at = r->x + r->width - 2 - needed;
		(void)grid_put(g, at, r->y, needed, STYLE_PLAIN, note);
		(void)grid_put(g, at - 1, r->y, 1, STYLE_PLAIN, " ");
		(void)grid_put(g, at + needed, r->y, 1, STYLE_PLAIN, " ");
	}
}

struct rect grid_frame(
	struct grid *g, const struct rect *r, bool focused, const char *title, const char *note) {
	static const char *const lines[] = {"┌", "─", "┐", "│", "└", "┘"};
	static const char *const focused_lines[] = {"┏", "━", "┓", "┃", "┗", "┛"};
	static const char *const ascii[] = {"+", "-", "+", "|", "+", "+"};
	static const char *const focused_ascii[] = {"#", "=", "#", "|", "#", "#"};
	const char *const *l = g->utf8   ? focused ? focused_lines : lines
			       : focused ? focused_ascii
					 : ascii;
	unsigned style = focused ? STYLE_NAME : STYLE_DIM;

	put_edge(g, r, r->y, style, l[0], l[1], l[2]);
	for (unsigned y = 1; y + 1 < r->height; y++) {
		(void)grid_put(g, r->x, r->y + y, 1, style, l[3]);
		(void)grid_put(g, r->x + r->width - 1, r->y + y, 1, style, l[3]);
	}
	put_edge(g, r, r->y + r->height - 1, style, l[4], l[1], l[5]);
	put_titles(g, r, focused ? STYLE_NAME : STYLE_HEADING, title, note);
	return (struct rect){r->x + 1, r->y + 1, r->width - 2, r->height - 2};
}

void grid_put_page_line(
	struct grid *g, unsigned x, unsigned y, unsigned width, const char *line, size_t len) {
	char *text = strndup(line, len);
	const char *at = text;
	enum style style = STYLE_PLAIN;
	struct glyph glyph;

	for (unsigned put = 0; at && *at;) {
		if (page_skip_style(&at, &style)) {
			continue;
		}
		if (!glyph_next(&at, g->utf8, &glyph) || put + glyph.width > width) {
			break;
		}
		put_glyph(g, x + put, y, style, &glyph);
		put += glyph.width;
	}
	free(text);
}

int grid_write(const struct grid *g, struct buf *out) {
	int err = 0;

	for (unsigned y = 0; y < g->height && err == 0; y++) {
		unsigned end = g->width;
		const struct cell *row = &g->cells[(size_t)y * g->width];
		while (end > 0 && strcmp(row[end - 1].bytes, " ") == 0) {
			end--;
		}
		for (unsigned x = 0; x < end && err == 0; x++) {
			err = buf_printf(out, "%s", row[x].bytes);
		}
		err = err == 0 ? buf_append(out, "\n", 1) : err;
	}
	return err;
}

/* A screen as it is to look: cells with a glyph and a style. Pure: panes draw into it, `watch_screen` puts it on a terminal.
 * What is drawn outside of it is not drawn, and text goes through `glyph`, so that no name moves a cursor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "page.h"

#define CELL_BYTES 8u /* a glyph, and one mark that sits on it */

/* Behind the styles of a page: shades of a heat-map, from the least. */
#define GRID_SHADES     8u
#define GRID_SHADE      16u
#define GRID_STYLES_END (GRID_SHADE + GRID_SHADES)

struct cell {
	char bytes[CELL_BYTES]; /* "": the right half of what stands left of it */
	uint8_t style;          /* enum style, or GRID_SHADE + n */
	bool reversed;
};

struct rect {
	unsigned x, y, width, height;
};

struct grid {
	unsigned width, height;
	bool utf8;
	struct cell *cells;
};

/* All blank. 0 or -ENOMEM. */
int grid_init(struct grid *g, unsigned width, unsigned height, bool utf8);
void grid_finish(struct grid *g);
const struct cell *grid_at(const struct grid *g, unsigned x, unsigned y);

/* At most `width` columns of text; what is longer is cut and ends in an ellipsis. Returns the columns that it took. */
unsigned grid_put(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text);
unsigned grid_printf(struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The same with the ellipsis in the middle: names of a sweep differ at their ends. */
unsigned grid_put_middle(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text);
/* The same, ending before column x + width. */
void grid_put_right(
	struct grid *g, unsigned x, unsigned y, unsigned width, unsigned style, const char *text);

/* A frame, with a title in its upper edge and a note at that one's end; "" for none. Returns what is inside. */
struct rect grid_frame(
	struct grid *g, const struct rect *r, bool focused, const char *title, const char *note);
void grid_blank(struct grid *g, const struct rect *r);
void grid_reverse(struct grid *g, unsigned x, unsigned y, unsigned width);

/* One line of a page's text, without its end; its colours become styles. */
void grid_put_page_line(
	struct grid *g, unsigned x, unsigned y, unsigned width, const char *line, size_t len);

/* As text, lines without blanks at their ends. 0 or -ENOMEM. */
int grid_write(const struct grid *g, struct buf *out);

/* What stands in which cell of a scatter: points, the front's line, paths, and the two axes. Pure. */
#pragma once

#include <stdint.h>

#include "scatter.h"
#include "ticks.h"

/* What a line of the front does in a cell: towards which sides it goes. */
enum scatter_side { SIDE_LEFT = 1, SIDE_RIGHT = 2, SIDE_UP = 4, SIDE_DOWN = 8 };

struct scatter_cell {
	unsigned line; /* bits of enum scatter_side */
	uint8_t dots;  /* of a braille glyph */
	bool bullet;
	char letter;
	enum style style;
};

struct scatter_axis {
	double low, high; /* in what is drawn: logarithms on a logarithmic axis */
	bool logarithmic;
	unsigned n; /* cells */
	struct ticks ticks;
};

struct scatter_canvas {
	struct scatter_axis x, y;
	unsigned label_width;       /* of y's ticks */
	struct scatter_cell *cells; /* y.n × x.n, the top line first */
};

/* Fills c, for so wide a page. 0 or -ENOMEM. */
int scatter_canvas_make(const struct scatter *s, unsigned width, struct scatter_canvas *c);
void scatter_canvas_finish(struct scatter_canvas *c);

/* The cell of a value, from the low end; and one of the canvas, `up` from below. */
unsigned scatter_axis_cell(const struct scatter_axis *a, double value);
struct scatter_cell *scatter_cell_at(struct scatter_canvas *c, unsigned column, unsigned up);

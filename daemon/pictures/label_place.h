/* Where the names of points go, so that none lies on another, on a point, on a line or outside. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "canvas.h"

struct label {
	struct place point;
	double width, height;
	int toward_x, toward_y; /* -1 or 1: the side that is best */
	size_t reach; /* so many rings around the point are tried: 1 is the nearest alone */
	/* Where it has gone; not placed: there is no room for it. */
	bool placed, far; /* far: a line leads to its point */
	struct box box;
	struct place from, to; /* of that line */
};

/* In the order of `labels`: who comes first has the best places. Of `taken` everything is kept free; a point has `radius`. */
void label_place(struct label *labels, size_t n, const struct box *taken, size_t n_taken,
	double radius, const struct box *bounds);

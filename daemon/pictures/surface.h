/* A canvas of cairo's: what was drawn on it becomes a file's bytes. The one place that knows cairo and pango. */
#pragma once

#include "buf.h"
#include "canvas.h"

enum surface_format { SURFACE_SVG = 0, SURFACE_PDF, SURFACE_PNG };

struct surface_size {
	double width, height; /* in 1/96 inch, as the reader has it before him */
	double zoom;          /* all that is drawn is so many times as large on it */
	double dpi;           /* of a PNG: pixels an inch */
};

struct surface; /* a canvas and what it draws on */

/* NULL when memory is short. */
struct surface *surface_create(enum surface_format format, const struct surface_size *size);
struct canvas *surface_canvas(struct surface *s);

/* Appends the file to `out`. 0 or -ENOMEM. */
int surface_write(struct surface *s, struct buf *out);
void surface_destroy(struct surface *s);

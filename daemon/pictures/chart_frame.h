/* What all pictures have around their data: ground, title, legend, axes. */
#pragma once

#include "axis.h"
#include "canvas.h"
#include "theme.h"

/* Sizes of words, in 1/96 inch. */
#define SIZE_TITLE   14.0
#define SIZE_HEADING 11.5
#define SIZE_WORDS   10.5
#define SIZE_TICKS   10.0
#define SIZE_SMALL   9.0

#define MARGIN 12.0 /* of a picture, on all sides */

struct chart_frame {
	struct canvas *canvas;
	const struct theme *theme;
	struct box box; /* what is still free; each part takes its place from it */
};

/* The ground, and the title where there is one. */
void frame_begin(struct chart_frame *f, struct canvas *c, const struct theme *t, double width,
	double height, const char *title);

/* A line and a name for each; as many rows as they need. */
void frame_legend(struct chart_frame *f, const char *const *names, size_t n);

/* Words along the bottom. */
void frame_below(struct chart_frame *f, const char *text);

/* How wide the labels of its ticks are. */
double frame_tick_width(const struct chart_frame *f, const struct axis *a);

/* Grid, labels and a line below: the axes of a box, y upwards. */
void frame_x_axis(
	const struct chart_frame *f, const struct box *box, const struct axis *x, bool labelled);
void frame_y_axis(const struct chart_frame *f, const struct box *box, const struct axis *y);

double frame_x(const struct box *box, const struct axis *x, double value);
double frame_y(const struct box *box, const struct axis *y, double value);

struct lettering frame_lettering(const struct chart_frame *f, double size, enum anchor anchor);
struct lettering frame_faint(const struct chart_frame *f, double size, enum anchor anchor);

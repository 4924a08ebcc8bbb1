/* One curve with its axes: means as a line, what their steps spanned as a faint band, so that a spike of one step is seen however
 * many steps a column has. Pure. */
#pragma once

#include "document.h"
#include "grid.h"

#define CURVE_POINTS_MAX 512u

enum curve_scale { CURVE_AUTO = 0, CURVE_LOG, CURVE_LINEAR, CURVE_SCALES };
enum curve_axis { CURVE_STEPS = 0, CURVE_TOKENS, CURVE_TIME, CURVE_AXES };

struct curve {
	size_t n;
	double step_first, step_last;
	double at[CURVE_POINTS_MAX]; /* on the x axis; NaN: not known */
	double mean[CURVE_POINTS_MAX], low[CURVE_POINTS_MAX], high[CURVE_POINTS_MAX];
	bool broken[CURVE_POINTS_MAX]; /* a value was not finite */
};

/* Of a metric's series and the `curves` that it is of (store/REPORT.md). */
void curve_read(const json_t *curves, const char *metric, enum curve_axis axis, struct curve *ret);

/* Whether it is drawn on a logarithmic scale: only where all values are above 0. */
bool curve_is_log(const struct curve *c, enum curve_scale scale);

/* Not drawn: no point has a place on this axis, or no value is finite. */
enum curve_outcome { CURVE_DRAWN = 0, CURVE_NOWHERE, CURVE_NOT_FINITE };

/* A curve_outcome or -ENOMEM. */
int curve_draw(const struct curve *c, enum curve_scale scale, enum curve_axis axis,
	const struct rect *r, struct grid *g);

/* So many points are worth asking for in a plot of this width. */
unsigned curve_points(unsigned width);

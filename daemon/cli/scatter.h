/* Points on two axes, each marked by a letter or two, with the step line of a front through some of them and the paths they came
 * by. Pure: what is where comes in, text comes out. */
#pragma once

#include <stddef.h>

#include "page.h"

#define SCATTER_MARK_SIZE 4u /* bytes: letters of ASCII */

struct scatter_point {
	double x, y;
	char mark[SCATTER_MARK_SIZE]; /* "": a bullet, as of two letters without room */
	enum style style;
};

/* Where a path goes by. */
struct scatter_spot {
	double x, y;
	bool begins; /* a path of its own */
};

struct scatter {
	const char *x_title, *y_title; /* y's stands above its axis */
	bool x_log, y_log;             /* all that is shown is above 0 there */
	/* Those before others are drawn over them: what matters most comes first. */
	const struct scatter_point *points;
	size_t n;
	/* The first n_line points are a front, in the order of x, and joined by the step line that bounds what they
	 * dominate. */
	size_t n_line;
	bool x_higher, y_higher; /* more is better */
	/* Lines of small dots under everything. */
	const struct scatter_spot *spots;
	size_t n_spots;
};

/* Whether values are spread so far that a logarithmic axis shows more: all above 0, and a factor of ten apart. */
bool scatter_wants_log(double least, double greatest);

/* As wide as the page, or as it looks good. Nothing without a point. */
void scatter_draw(const struct scatter *s, struct page *page);

/* The colours of a picture, on a light and on a dark ground: those of Okabe and Ito, which readers who see few colours can tell
 * apart, in an order in which neighbours differ most. */
#pragma once

#include <stddef.h>

#include "canvas.h"

#define THEME_COLOURS 7u

struct theme {
	struct colour ground;
	struct colour ink, faint_ink; /* of words */
	struct colour grid, frame;
	struct colour series[THEME_COLOURS];
	struct colour warning;     /* what is not finite */
	struct colour front, dim;  /* on the front; dominated */
	struct colour old, recent; /* the ends of a scale of age */
};

extern const struct theme theme_light, theme_dark;

/* From 0, old, to 1, recent. */
struct colour theme_age(const struct theme *t, double age);
struct colour theme_faded(struct colour c, double alpha);

/* The nth of many lines: colours first, then dashes with the same colours. */
struct pen theme_pen(const struct theme *t, size_t n, double width);

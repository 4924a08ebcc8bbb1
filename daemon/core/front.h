/* Which of many points are worth having, when two figures count and nobody says how much each. Pure.
 *
 * A point dominates another when it is no worse on both axes and better on one. The points that none dominates are
 * the front; equal points do not dominate each other, so they are on it together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRONT_NONE SIZE_MAX

struct front_axes {
	bool x_higher, y_higher; /* more is better; else less */
};

struct front_point {
	double x, y;
};

struct front_verdict {
	bool is_point; /* both are finite; else it takes no part, and nothing of it is dominated */
	bool on_front;
	/* Of those on the front that dominate it, the one that is best on y, and so nearest on x; of equal ones the
	 * first. FRONT_NONE when none does. */
	size_t dominator;
	size_t n_dominators; /* all, whether they are on the front or not */
};

bool front_dominates(const struct front_axes *axes, struct front_point a, struct front_point b);

/* One verdict a point, in O(n log n). 0 or -ENOMEM. */
int front_judge(const struct front_axes *axes, const struct front_point *points, size_t n,
	struct front_verdict *ret);

struct front_volume {
	double volume;
	/* Points that add nothing: no better than the reference on one of the axes, or not above 0 on a logarithmic one. */
	size_t n_outside;
};

/* How much of the plane the points dominate up to a reference point, which must be worse than they are: the hypervolume. On
 * a logarithmic axis it is measured in decades. 0, -ENOMEM, or -EINVAL when the reference is not finite or not above 0 on
 * a logarithmic axis. */
int front_hypervolume(const struct front_axes *axes, bool x_log, bool y_log,
	const struct front_point *points, size_t n, struct front_point reference,
	struct front_volume *ret);

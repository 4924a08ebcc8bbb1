#include "front.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A point turned so that less is better on both axes. */
struct candidate {
	double x, y;
	size_t index;  /* among the caller's points */
	size_t y_rank; /* 1 …: how many different values of y are at or below its own */
};

static double turn(double value, bool higher_is_better) {
	return higher_is_better ? -value : value;
}

bool front_dominates(const struct front_axes *axes, struct front_point a, struct front_point b) {
	double ax = turn(a.x, axes->x_higher), ay = turn(a.y, axes->y_higher);
	double bx = turn(b.x, axes->x_higher), by = turn(b.y, axes->y_higher);

	return ax <= bx && ay <= by && (ax < bx || ay < by);
}

static int compare(double a, double b) {
	return (a > b) - (a < b);
}

static int by_y(const void *a_ptr, const void *b_ptr) {
	const struct candidate *a = a_ptr, *b = b_ptr;

	return compare(a->y, b->y);
}

/* Equal points stand together, in the caller's order. */
static int by_x_then_y(const void *a_ptr, const void *b_ptr) {
	const struct candidate *a = a_ptr, *b = b_ptr;
	int order = compare(a->x, b->x);

	order = order != 0 ? order : compare(a->y, b->y);
	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static size_t take_candidates(const struct front_axes *axes, const struct front_point *points,
	size_t n, struct candidate *ret) {
	size_t taken = 0;

	for (size_t i = 0; i < n; i++) {
		if (isfinite(points[i].x) && isfinite(points[i].y)) {
			ret[taken++] = (struct candidate){
				.x = turn(points[i].x, axes->x_higher),
				.y = turn(points[i].y, axes->y_higher),
				.index = i,
			};
		}
	}
	return taken;
}

/* Sorted for the sweep, ranked on the way. */
static void sort_candidates(struct candidate *c, size_t n) {
	qsort(c, n, sizeof(*c), by_y);
	for (size_t i = 0; i < n; i++) {
		bool same = i > 0 && compare(c[i].y, c[i - 1].y) == 0;
		c[i].y_rank = i == 0 ? 1 : c[i - 1].y_rank + !same;
	}
	qsort(c, n, sizeof(*c), by_x_then_y);
}

/* ---- how many were seen up to a rank: a Fenwick tree, `ranks` from 1 ---- */

static void seen_add(size_t *seen, size_t n_ranks, size_t rank) {
	for (; rank <= n_ranks; rank += rank & -rank) {
		seen[rank]++;
	}
}

static size_t seen_up_to(const size_t *seen, size_t rank) {
	size_t sum = 0;

	for (; rank > 0; rank -= rank & -rank) {
		sum += seen[rank];
	}
	return sum;
}

/* ---- the sweep: x grows, so whatever was passed is no worse on x ---- */

/* Where a run of equal points ends. */
static size_t end_of_equals(const struct candidate *c, size_t n, size_t from) {
	size_t end = from + 1;

	while (end < n && compare(c[end].x, c[from].x) == 0 && compare(c[end].y, c[from].y) == 0) {
		end++;
	}
	return end;
}

/* `best` is the last point found to be on the front: of all that was passed it has the least y. What is not below it is
 * dominated by it. */
static void sweep(
	const struct candidate *c, size_t n, size_t *seen, struct front_verdict *verdicts) {
	const struct candidate *best = NULL;

	for (size_t from = 0, end; from < n; from = end) {
		end = end_of_equals(c, n, from);
		size_t n_before = seen_up_to(seen, c[from].y_rank);
		bool on_front = !best || c[from].y < best->y;
		best = on_front ? &c[from] : best;
		for (size_t i = from; i < end; i++) {
			verdicts[c[i].index] = (struct front_verdict){
				.is_point = true,
				.on_front = on_front,
				.dominator = on_front ? FRONT_NONE : best->index,
				.n_dominators = n_before,
			};
			seen_add(seen, n, c[i].y_rank);
		}
	}
}

int front_judge(const struct front_axes *axes, const struct front_point *points, size_t n,
	struct front_verdict *ret) {
	struct candidate *candidates = calloc(n + 1, sizeof(*candidates));
	size_t *seen = calloc(n + 1, sizeof(*seen));
	int err = candidates && seen ? 0 : -ENOMEM;

	if (err == 0) {
		for (size_t i = 0; i < n; i++) {
			ret[i] = (struct front_verdict){.dominator = FRONT_NONE};
		}
		size_t taken = take_candidates(axes, points, n, candidates);
		sort_candidates(candidates, taken);
		sweep(candidates, taken, seen, ret);
	}
	free(candidates);
	free(seen);
	return err;
}

/* ---- hypervolume ---- */

/* A finite value that cannot be measured on its axis is beyond every reference. */
static double measure_on(double value, bool logarithmic, bool higher_is_better) {
	if (logarithmic && !(value > 0)) {
		return (double)INFINITY;
	}
	return turn(logarithmic ? log10(value) : value, higher_is_better);
}

/* Those that are better than the reference, turned and measured. */
static size_t take_measured(const struct front_axes *axes, bool x_log, bool y_log,
	const struct front_point *points, size_t n, const struct candidate *reference,
	struct candidate *ret, size_t *ret_outside) {
	size_t taken = 0, outside = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(points[i].x) || !isfinite(points[i].y)) {
			continue;
		}
		struct candidate c = {
			.x = measure_on(points[i].x, x_log, axes->x_higher),
			.y = measure_on(points[i].y, y_log, axes->y_higher),
			.index = i,
		};
		if (c.x < reference->x && c.y < reference->y) {
			ret[taken++] = c;
		} else {
			outside++;
		}
	}
	*ret_outside = outside;
	return taken;
}

/* Strips between one point of the front and the next, as high as the first reaches. */
static double sum_strips(const struct candidate *c, size_t n, const struct candidate *reference) {
	double volume = 0, floor_y = reference->y;

	for (size_t i = 0; i < n; i++) {
		if (c[i].y < floor_y) {
			volume += (reference->x - c[i].x) * (floor_y - c[i].y);
			floor_y = c[i].y;
		}
	}
	return volume;
}

int front_hypervolume(const struct front_axes *axes, bool x_log, bool y_log,
	const struct front_point *points, size_t n, struct front_point reference,
	struct front_volume *ret) {
	struct candidate ref = {
		.x = measure_on(reference.x, x_log, axes->x_higher),
		.y = measure_on(reference.y, y_log, axes->y_higher),
	};
	if (!isfinite(ref.x) || !isfinite(ref.y)) {
		return -EINVAL;
	}

	struct candidate *candidates = calloc(n + 1, sizeof(*candidates));
	if (!candidates) {
		return -ENOMEM;
	}
	size_t taken =
		take_measured(axes, x_log, y_log, points, n, &ref, candidates, &ret->n_outside);
	qsort(candidates, taken, sizeof(*candidates), by_x_then_y);
	ret->volume = sum_strips(candidates, taken, &ref);
	free(candidates);
	return 0;
}

/* The front against its definition, taken word for word: every point against every other. */
#include "front.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "near.h"

#define SETS       6000
#define POINTS_MAX 40

/* A generator of our own: the same sets everywhere. */
static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static double next_value(uint32_t *seed, unsigned kind) {
	uint32_t r = next_random(seed);

	switch (kind % 4) {
	case 0: /* a small lattice: ties everywhere */
		return (double)(r % 5);
	case 1: /* with values that are none */
		return r % 6 == 0   ? (double)NAN
		       : r % 7 == 0 ? (double)INFINITY
		       : r % 9 == 0 ? -(double)INFINITY
				    : (double)(r % 8) - 3;
	case 2:
		return r % 40 == 0 ? -0.0 : (double)r / 1e6 - 4;
	default: /* few columns, many rows */
		return (double)(r % 3) * 1e-300;
	}
}

static size_t make_set(unsigned round, struct front_point points[POINTS_MAX]) {
	uint32_t seed = round * 2654435761u + 1;
	size_t n = next_random(&seed) % (POINTS_MAX + 1);
	unsigned kind = next_random(&seed);

	for (size_t i = 0; i < n; i++) {
		points[i].x = next_value(&seed, kind);
		points[i].y = kind % 5 == 0 ? 3 - points[i].x /* on one line */
					    : next_value(&seed, kind / 4);
	}
	return n;
}

static bool no_worse(double a, double b, bool higher) {
	return higher ? a >= b : a <= b;
}

static bool better(double a, double b, bool higher) {
	return higher ? a > b : a < b;
}

static bool is_point(struct front_point p) {
	return isfinite(p.x) && isfinite(p.y);
}

/* The definition. */
static bool dominates(const struct front_axes *axes, struct front_point a, struct front_point b) {
	return is_point(a) && is_point(b) && no_worse(a.x, b.x, axes->x_higher) &&
	       no_worse(a.y, b.y, axes->y_higher) &&
	       (better(a.x, b.x, axes->x_higher) || better(a.y, b.y, axes->y_higher));
}

static struct front_axes axes_of(unsigned round) {
	return (struct front_axes){.x_higher = (round & 1) != 0, .y_higher = (round & 2) != 0};
}

static void every_verdict_is_the_definitions(void **state) {
	(void)state;
	size_t n_front = 0, n_dominated = 0;

	for (unsigned round = 0; round < SETS; round++) {
		struct front_point points[POINTS_MAX];
		struct front_verdict verdicts[POINTS_MAX];
		struct front_axes axes = axes_of(round);
		size_t n = make_set(round, points);

		assert_int_equal(front_judge(&axes, points, n, verdicts), 0);
		for (size_t i = 0; i < n; i++) {
			size_t n_dominators = 0;
			for (size_t j = 0; j < n; j++) {
				bool wanted = dominates(&axes, points[j], points[i]);
				n_dominators += wanted;
				if (is_point(points[i]) && is_point(points[j])) {
					assert_int_equal(
						front_dominates(&axes, points[j], points[i]),
						wanted);
				}
			}
			assert_int_equal(verdicts[i].is_point, is_point(points[i]));
			assert_int_equal(verdicts[i].n_dominators, n_dominators);
			assert_int_equal(
				verdicts[i].on_front, is_point(points[i]) && n_dominators == 0);
			n_front += verdicts[i].on_front;
			n_dominated += n_dominators > 0;
		}
	}
	/* The sets had something to find. */
	assert_true(n_front > SETS);
	assert_true(n_dominated > SETS);
}

/* No other on the front that dominates it is better on y, nor is an equal one before it. */
static void the_dominator_named_is_the_best_on_y_of_the_front(void **state) {
	(void)state;

	for (unsigned round = 0; round < SETS; round++) {
		struct front_point points[POINTS_MAX];
		struct front_verdict verdicts[POINTS_MAX];
		struct front_axes axes = axes_of(round);
		size_t n = make_set(round, points);

		assert_int_equal(front_judge(&axes, points, n, verdicts), 0);
		for (size_t i = 0; i < n; i++) {
			size_t wanted = FRONT_NONE;
			for (size_t j = 0; j < n; j++) {
				if (verdicts[j].on_front &&
					dominates(&axes, points[j], points[i]) &&
					(wanted == FRONT_NONE ||
						better(points[j].y, points[wanted].y,
							axes.y_higher))) {
					wanted = j;
				}
			}
			assert_int_equal(verdicts[i].dominator, wanted);
		}
	}
}

static void equal_points_are_on_the_front_together(void **state) {
	(void)state;
	const struct front_axes axes = {.y_higher = true};
	const struct front_point points[] = {{5, 0.9}, {5, 0.9}, {5, 0.9}, {6, 0.9}, {NAN, 1}};
	struct front_verdict verdicts[5];

	assert_int_equal(front_judge(&axes, points, 5, verdicts), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(verdicts[i].on_front);
		assert_true(verdicts[i].dominator == FRONT_NONE);
	}
	assert_false(verdicts[3].on_front);
	assert_int_equal(verdicts[3].dominator, 0);
	assert_int_equal(verdicts[3].n_dominators, 3);
	assert_false(verdicts[4].is_point);
	assert_false(verdicts[4].on_front);
}

static void no_points_are_no_front(void **state) {
	(void)state;
	const struct front_axes axes = {0};
	struct front_volume volume;

	assert_int_equal(front_judge(&axes, NULL, 0, NULL), 0);
	assert_int_equal(front_hypervolume(
				 &axes, false, false, NULL, 0, (struct front_point){1, 1}, &volume),
		0);
	assert_near(volume.volume, 0, 0);
}

/* ---- hypervolume ---- */

/* The cells between all coordinates, each of which is dominated whole or not at all. */
static double volume_by_cells(
	const double *x, const double *y, size_t n, double ref_x, double ref_y) {
	double volume = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			double right = ref_x, top = ref_y;
			bool dominated = false, twice = false;
			for (size_t k = 0; k < n; k++) {
				right = x[k] > x[i] ? fmin(right, x[k]) : right;
				top = y[k] > y[j] ? fmin(top, y[k]) : top;
				dominated = dominated || (x[k] <= x[i] && y[k] <= y[j]);
				/* A cell belongs to the first point at its corner. */
				twice = twice || (k < i && x[k] == x[i]) || (k < j && y[k] == y[j]);
			}
			if (dominated && !twice && x[i] < ref_x && y[j] < ref_y) {
				volume += (right - x[i]) * (top - y[j]);
			}
		}
	}
	return volume;
}

/* Less is better on both axes, on which logarithms are taken as asked. */
static double turned(double value, bool higher, bool logarithmic) {
	value = logarithmic ? log10(value) : value;
	return higher ? -value : value;
}

static void the_hypervolume_is_the_sum_of_the_cells_dominated(void **state) {
	(void)state;
	double largest = 0;

	for (unsigned round = 0; round < SETS; round++) {
		struct front_point points[POINTS_MAX];
		double x[POINTS_MAX], y[POINTS_MAX];
		struct front_axes axes = axes_of(round);
		bool x_log = (round & 4) != 0, y_log = (round & 8) != 0;
		struct front_point reference = {round % 7 + 0.5, round % 3 + 0.25};
		struct front_volume volume;
		size_t n = make_set(round, points), taken = 0, n_finite = 0;

		for (size_t i = 0; i < n; i++) {
			double a = turned(points[i].x, axes.x_higher, x_log);
			double b = turned(points[i].y, axes.y_higher, y_log);
			n_finite += is_point(points[i]);
			if (is_point(points[i]) && isfinite(a) && isfinite(b) &&
				a < turned(reference.x, axes.x_higher, x_log) &&
				b < turned(reference.y, axes.y_higher, y_log)) {
				x[taken] = a;
				y[taken++] = b;
			}
		}
		assert_int_equal(
			front_hypervolume(&axes, x_log, y_log, points, n, reference, &volume), 0);
		double wanted =
			volume_by_cells(x, y, taken, turned(reference.x, axes.x_higher, x_log),
				turned(reference.y, axes.y_higher, y_log));
		assert_near(volume.volume, wanted, 1e-9);
		assert_int_equal(volume.n_outside, n_finite - taken);
		largest = fmax(largest, volume.volume);
	}
	assert_true(largest > 1);
}

static void decades_are_what_a_logarithmic_axis_measures(void **state) {
	(void)state;
	const struct front_axes axes = {.y_higher = true};
	const struct front_point points[] = {{10, 0.5}, {100, 0.75}, {0, 0.9}, {2000, 0.99}};
	struct front_volume volume;

	/* Two decades to 1000 at 0.5, one more at another quarter; what has no logarithm and what is beyond add nothing. */
	assert_int_equal(front_hypervolume(&axes, true, false, points, 4,
				 (struct front_point){1000, 0}, &volume),
		0);
	assert_near(volume.volume, 2 * 0.5 + 1 * 0.25, 1e-12);
	assert_int_equal(volume.n_outside, 2);
}

static void a_reference_that_is_no_point_is_refused(void **state) {
	(void)state;
	const struct front_axes axes = {0};
	const struct front_point point = {1, 1};
	struct front_volume volume;
	const struct front_point wrong[] = {{NAN, 2}, {2, INFINITY}, {0, 2}, {-1, 2}};

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(
			front_hypervolume(&axes, true, false, &point, 1, wrong[i], &volume),
			-EINVAL);
	}
}

/* Quadratic work on these would take minutes, also where all are on the front or none but one is. */
static void many_points_are_judged_as_few_are(void **state) {
	(void)state;
	const size_t n = 200000;
	struct front_point *points = calloc(n, sizeof(*points));
	struct front_verdict *verdicts = calloc(n, sizeof(*verdicts));
	const struct front_axes falling = {0}, rising = {.y_higher = true};

	assert_non_null(points);
	assert_non_null(verdicts);
	for (size_t i = 0; i < n; i++) {
		points[i] = (struct front_point){(double)i, -(double)i};
	}
	assert_int_equal(front_judge(&falling, points, n, verdicts), 0);
	assert_true(verdicts[n - 1].on_front);
	assert_int_equal(front_judge(&rising, points, n, verdicts), 0);
	assert_int_equal(verdicts[n - 1].n_dominators, n - 1);
	assert_int_equal(verdicts[n - 1].dominator, 0);
	free(points);
	free(verdicts);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_is_the_definitions),
		cmocka_unit_test(the_dominator_named_is_the_best_on_y_of_the_front),
		cmocka_unit_test(equal_points_are_on_the_front_together),
		cmocka_unit_test(no_points_are_no_front),
		cmocka_unit_test(the_hypervolume_is_the_sum_of_the_cells_dominated),
		cmocka_unit_test(decades_are_what_a_logarithmic_axis_measures),
		cmocka_unit_test(a_reference_that_is_no_point_is_refused),
		cmocka_unit_test(many_points_are_judged_as_few_are),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

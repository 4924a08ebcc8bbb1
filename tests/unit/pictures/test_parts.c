/* What pictures are made of: reductions, axes, names that keep out of each other's way, words in little room. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "axis.h"
#include "label_place.h"
#include "reduction.h"
#include "sketch.h"
#include "theme.h"

/* ---- reductions ---- */

#define MANY 100000u

static void one_steps_spike_among_a_hundred_thousand_keeps_its_height(void **state) {
	(void)state;
	double *x = calloc(MANY, sizeof *x), *y = calloc(MANY, sizeof *y);
	struct reduction_column columns[300];

	for (size_t i = 0; i < MANY; i++) {
		x[i] = (double)i;
		y[i] = 1;
	}
	y[77777] = 1e6;
	y[12345] = -5;
	reduction_make(x, y, MANY, 0, MANY - 1, 300, columns);
	double low = INFINITY, high = -INFINITY;
	size_t n = 0;
	for (size_t i = 0; i < 300; i++) {
		low = fmin(low, columns[i].min);
		high = fmax(high, columns[i].max);
		n += columns[i].n;
	}
	assert_true(low == -5 && high == 1e6);
	assert_int_equal(n, MANY);
	free(x);
	free(y);
}

static void a_columns_mean_is_that_of_its_steps(void **state) {
	(void)state;
	const double x[] = {0, 1, 2, 3}, y[] = {1, 2, 10, 20};
	struct reduction_column columns[2];

	reduction_make(x, y, 4, 0, 3, 2, columns);
	assert_true(columns[0].mean == 1.5 && columns[0].min == 1 && columns[0].max == 2);
	assert_true(columns[1].mean == 15 && columns[1].x == 2.5 && columns[1].n == 2);
}

static void what_is_not_finite_is_counted_and_in_no_mean(void **state) {
	(void)state;
	const double x[] = {0, 1, 2}, y[] = {1, (double)INFINITY, 3};
	struct reduction_column columns[1];

	reduction_make(x, y, 3, 0, 2, 1, columns);
	assert_int_equal(columns[0].n, 2);
	assert_int_equal(columns[0].n_not_finite, 1);
	assert_true(columns[0].mean == 2 && columns[0].max == 3);
}

static void a_single_step_is_a_column_of_its_own(void **state) {
	(void)state;
	const double x[] = {7}, y[] = {2};
	struct reduction_column columns[3];

	reduction_make(x, y, 1, 7, 7, 3, columns);
	assert_int_equal(columns[0].n, 1);
	assert_true(columns[0].x == 7 && columns[0].mean == 2);
}

/* ---- axes ---- */

static void a_logarithmic_axis_is_for_what_is_above_0_and_spans_much(void **state) {
	(void)state;

	assert_true(axis_is_log(AXIS_BY_DATA, 0.01, 1));
	assert_false(axis_is_log(AXIS_BY_DATA, 0.5, 1));
	assert_false(axis_is_log(AXIS_BY_DATA, 0, 1e9));
	assert_true(axis_is_log(AXIS_LOG, 0.5, 1));
	assert_false(axis_is_log(AXIS_LOG, -1, 1));
	assert_false(axis_is_log(AXIS_LINEAR, 1e-9, 1));
}

static void shares_go_from_0_to_1_on_either_axis(void **state) {
	(void)state;
	struct axis a;

	axis_make(10, 30, false, 5, &a);
	assert_true(
		axis_share(&a, 10) == 0 && axis_share(&a, 30) == 1 && axis_share(&a, 15) == 0.25);
	axis_make(1, 100, true, 5, &a);
	assert_true(axis_share(&a, 1) == 0 && fabs(axis_share(&a, 10) - 0.5) < 1e-12);
	assert_true(isinf(axis_share(&a, 0)));
}

static void nothing_lies_on_the_frame_of_a_roomy_axis(void **state) {
	(void)state;
	struct axis a;

	axis_make_roomy(5, 6, false, 5, &a);
	assert_true(a.low < 5 && a.low > 4.5 && a.high > 6);
	axis_make_roomy(0.1, 6, false, 5, &a);
	assert_true(a.low == 0);
	axis_make_roomy(3, 3, false, 5, &a);
	assert_true(a.low < 3 && a.high > 3 && a.ticks.n > 0);
	axis_make_roomy(0, 0, false, 5, &a);
	assert_true(a.low < 0 && a.high > 0);
	axis_make_roomy(1, 1000, true, 5, &a);
	assert_true(a.low < 1 && a.low > 0 && a.high > 1000);
}

static void an_axis_of_steps_through_2999_ends_at_3000(void **state) {
	(void)state;
	struct axis a;

	axis_make_to_tick(0, 2999, 7, &a);
	assert_true(a.high == 3000);
	assert_string_equal(a.ticks.label[a.ticks.n - 1], "3000");
	axis_make_to_tick(0, 2700, 7, &a);
	assert_true(a.high == 2700);
}

static void count_mark(void *user, double at) {
	assert_true(at > 1 && at < 100);
	++*(int *)user;
}

static void between_decades_there_are_small_marks(void **state) {
	(void)state;
	struct axis a;
	int n = 0;

	axis_make(1, 100, true, 3, &a);
	axis_minor(&a, count_mark, &n);
	assert_int_equal(n, 16);
	axis_make(1, 100, false, 3, &a);
	axis_minor(&a, count_mark, &n);
	assert_int_equal(n, 16);
}

/* ---- names ---- */

static bool apart(const struct box *a, const struct box *b) {
	return a->right <= b->left || b->right <= a->left || a->bottom <= b->top ||
	       b->bottom <= a->top;
}

#define POINTS 60u

static void names_never_lie_on_each_other_on_points_or_outside(void **state) {
	(void)state;
	const struct box bounds = {0, 0, 500, 300};
	struct label labels[POINTS];
	struct box points[POINTS];
	size_t n_placed = 0;

	srandom(7);
	for (size_t i = 0; i < POINTS; i++) {
		double x = (double)(random() % 500), y = (double)(random() % 300);
		points[i] = (struct box){x - 4, y - 4, x + 4, y + 4};
		labels[i] = (struct label){.point = {x, y},
			.width = 60,
			.height = 11,
			.toward_x = 1,
			.toward_y = -1,
			.reach = 4};
	}
	label_place(labels, POINTS, points, POINTS, 4, &bounds);
	for (size_t i = 0; i < POINTS; i++) {
		const struct box *box = &labels[i].box;
		if (!labels[i].placed) {
			continue;
		}
		n_placed++;
		assert_true(
			box->left >= 0 && box->top >= 0 && box->right <= 500 && box->bottom <= 300);
		for (size_t k = 0; k < POINTS; k++) {
			assert_true(apart(box, &points[k]));
			assert_true(k == i || !labels[k].placed || apart(box, &labels[k].box));
		}
	}
	assert_true(n_placed > POINTS / 2);
}

static void a_lone_name_stands_on_its_good_side(void **state) {
	(void)state;
	const struct box bounds = {0, 0, 500, 300}, point = {246, 146, 254, 154};
	struct label label = {.point = {250, 150},
		.width = 60,
		.height = 11,
		.toward_x = -1,
		.toward_y = 1,
		.reach = 1};

	label_place(&label, 1, &point, 1, 4, &bounds);
	assert_true(label.placed && !label.far);
	assert_true(label.box.right < 246 && label.box.right > 240);
}

static void a_name_without_room_is_left_out(void **state) {
	(void)state;
	const struct box bounds = {0, 0, 50, 300}, point = {21, 146, 29, 154};
	struct label label = {.point = {25, 150},
		.width = 60,
		.height = 11,
		.toward_x = 1,
		.toward_y = 1,
		.reach = 4};

	label_place(&label, 1, &point, 1, 4, &bounds);
	assert_false(label.placed);
}

static void a_far_name_has_a_line_that_ends_at_it(void **state) {
	(void)state;
	const struct box bounds = {0, 0, 500, 300};
	/* All around the point is taken. */
	const struct box around = {200, 130, 300, 170};
	struct label label = {.point = {250, 150},
		.width = 60,
		.height = 11,
		.toward_x = 1,
		.toward_y = 1,
		.reach = 9};

	label_place(&label, 1, &around, 1, 4, &bounds);
	assert_true(label.placed && label.far);
	assert_true(fabs(hypot(label.from.x - 250, label.from.y - 150) - 4) < 1e-9);
	assert_true(label.to.x >= label.box.left && label.to.x <= label.box.right);
	assert_true(label.to.y >= label.box.top && label.to.y <= label.box.bottom);
}

/* ---- words ---- */

static void what_cannot_be_shown_is_drawn_as_such(void **state) {
	(void)state;
	struct sketch *s = sketch_create();
	const struct lettering l = {.size = 10};

	canvas_words(&s->canvas, 0, 0, "a\033[31mb\u202ec\xff", &l);
	assert_string_equal(s->marks[0].text, "a?[31mb?c?");
	free(s);
}

static void a_long_name_loses_its_middle(void **state) {
	(void)state;
	struct sketch *s = sketch_create();
	const struct lettering l = {.size = 10};

	assert_true(canvas_words_within(&s->canvas, 0, 0, "clip-b32-l9-x16-0001", 50, &l) <= 50);
	assert_string_equal(s->marks[0].text, "clip-…0001");
	assert_true(canvas_words_within(&s->canvas, 0, 0, "short", 50, &l) == 25);
	assert_string_equal(s->marks[1].text, "short");
	(void)canvas_words_within(&s->canvas, 0, 0, "日本語日本語日本語", 35, &l);
	assert_string_equal(s->marks[2].text, "日本…語");
	free(s);
}

static void a_name_of_four_kilobytes_is_drawn_in_part(void **state) {
	(void)state;
	struct sketch *s = sketch_create();
	const struct lettering l = {.size = 10};
	char name[4096];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_true(canvas_words_within(&s->canvas, 0, 0, name, 200, &l) <= 200);
	assert_true(strlen(s->marks[0].text) > 20);
	free(s);
}

static void the_first_lines_differ_in_colour_and_later_ones_in_their_dashes(void **state) {
	(void)state;

	for (size_t i = 0; i < 2 * THEME_COLOURS; i++) {
		for (size_t k = 0; k < i; k++) {
			struct pen a = theme_pen(&theme_light, i, 1),
				   b = theme_pen(&theme_light, k, 1);
			assert_true(!sketch_same(a.colour, b.colour) || a.dash != b.dash);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_steps_spike_among_a_hundred_thousand_keeps_its_height),
		cmocka_unit_test(a_columns_mean_is_that_of_its_steps),
		cmocka_unit_test(what_is_not_finite_is_counted_and_in_no_mean),
		cmocka_unit_test(a_single_step_is_a_column_of_its_own),
		cmocka_unit_test(a_logarithmic_axis_is_for_what_is_above_0_and_spans_much),
		cmocka_unit_test(shares_go_from_0_to_1_on_either_axis),
		cmocka_unit_test(nothing_lies_on_the_frame_of_a_roomy_axis),
		cmocka_unit_test(an_axis_of_steps_through_2999_ends_at_3000),
		cmocka_unit_test(between_decades_there_are_small_marks),
		cmocka_unit_test(names_never_lie_on_each_other_on_points_or_outside),
		cmocka_unit_test(a_lone_name_stands_on_its_good_side),
		cmocka_unit_test(a_name_without_room_is_left_out),
		cmocka_unit_test(a_far_name_has_a_line_that_ends_at_it),
		cmocka_unit_test(what_cannot_be_shown_is_drawn_as_such),
		cmocka_unit_test(a_long_name_loses_its_middle),
		cmocka_unit_test(a_name_of_four_kilobytes_is_drawn_in_part),
		cmocka_unit_test(the_first_lines_differ_in_colour_and_later_ones_in_their_dashes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

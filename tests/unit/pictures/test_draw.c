/* What is drawn of figures, on a canvas that remembers it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "picture.h"
#include "sketch.h"

#define WIDTH 600.0

static struct sketch *draw_at(double width, const char *text, double *ret_height) {
	json_t *figures = json_loads(text, 0, NULL);
	struct sketch *s = sketch_create();

	assert_non_null(figures);
	*ret_height = picture_height(width, figures);
	const struct picture picture = {width, *ret_height, &theme_light};
	draw_figures(&s->canvas, &picture, figures);
	json_decref(figures);
	return s;
}

static struct sketch *draw(const char *text, double *ret_height) {
	return draw_at(WIDTH, text, ret_height);
}

/* Nothing that is written leaves the picture. */
static void check_inside(const struct sketch *s, double height) {
	for (size_t i = 0; i < s->n; i++) {
		const struct sketch_mark *m = &s->marks[i];
		if (m->what == SKETCH_WORDS && strstr(m->text, "variance") == NULL) {
			assert_true(m->places[0].x >= 0 && m->places[0].x + m->width <= WIDTH);
			assert_true(m->places[0].y - m->size >= 0 && m->places[0].y <= height);
		}
	}
}

/* No two words of a picture lie on each other. */
static void check_apart(const struct sketch *s) {
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct sketch_mark *a = &s->marks[i], *b = &s->marks[k];
			if (a->what != SKETCH_WORDS || b->what != SKETCH_WORDS ||
				strstr(a->text, "variance") || strstr(b->text, "variance")) {
				continue;
			}
			bool apart = a->places[0].x >= b->places[0].x + b->width ||
				     b->places[0].x >= a->places[0].x + a->width ||
				     a->places[0].y - a->size * 0.7 >= b->places[0].y ||
				     b->places[0].y - b->size * 0.7 >= a->places[0].y;
			if (!apart) {
				print_error("%s lies on %s\n", a->text, b->text);
			}
			assert_true(apart);
		}
	}
}

#define CURVES(runs, series)                                                                       \
	"{\"kind\": \"curves\", \"x_label\": \"training step\", \"x_low\": 0, \"x_high\": 100, "   \
	"\"runs\": [" runs "],"                                                                    \
	"\"panels\": [{\"metric\": \"l0\", \"label\": \"L0\", \"axis\": \"linear\", \"series\": "  \
	"[" series "]}]}"
#define FIRST  "{\"id\": \"a\", \"name\": \"first\", \"label\": \"first\"}"
#define SECOND "{\"id\": \"b\", \"name\": \"second\", \"label\": \"second\"}"
#define SERIES(run, min, mean, max)                                                                \
	"{\"run\": " #run                                                                          \
	", \"n_steps\": 3, \"n_not_finite\": 0, \"x\": [0, 50, 100], \"min\": " min                \
	", \"mean\": " mean ", \"max\": " max ", \"n\": [1, 1, 1], \"not_finite\": [0, 0, 0]}"

static void a_curve_goes_where_its_means_are(void **state) {
	(void)state;
	double height;
	struct sketch *s = draw(
		CURVES(FIRST, SERIES(0, "[10, 15, 20]", "[10, 15, 20]", "[10, 15, 20]")), &height);
	const struct sketch_mark *line = sketch_find(s, SKETCH_LINE, theme_light.series[0], 0);
	const struct sketch_mark *ten = sketch_words(s, "10"), *twenty = sketch_words(s, "20");

	assert_non_null(line);
	assert_int_equal(line->n, 3);
	/* Halfway on both axes, and at the height of the labels of what it is. */
	assert_true(fabs(line->places[1].x - (line->places[0].x + line->places[2].x) / 2) < 1e-9);
	assert_true(fabs(line->places[1].y - (line->places[0].y + line->places[2].y) / 2) < 1e-9);
	assert_true(fabs((line->places[0].y - line->places[2].y) -
			    (ten->places[0].y - twenty->places[0].y)) < 1e-9);
	assert_non_null(sketch_words(s, "training step"));
	assert_null(sketch_words(s, "first")); /* one run needs no legend */
	check_inside(s, height);
	check_apart(s);
	free(s);
}

static void a_spike_in_a_column_reaches_as_high_as_it_was(void **state) {
	(void)state;
	double height;
	struct sketch *s = draw(
		CURVES(FIRST, SERIES(0, "[10, 10, 10]", "[10, 11, 10]", "[10, 50, 10]")), &height);
	const struct sketch_mark *fifty = sketch_words(s, "50"), *zero = sketch_words(s, "0");
	double top = INFINITY;

	for (size_t i = 0; i < s->n; i++) {
		if (s->marks[i].what == SKETCH_AREA && s->marks[i].colour.alpha < 1) {
			for (size_t k = 0; k < s->marks[i].n; k++) {
				top = fmin(top, s->marks[i].places[k].y);
			}
		}
	}
	assert_non_null(fifty);
	assert_non_null(zero);
	assert_true(fabs(top + 10 * 0.36 - fifty->places[0].y) < 1e-9);
	free(s);
}

static void a_gap_is_a_gap_and_marked(void **state) {
	(void)state;
	double height;
	struct sketch *s =
		draw(CURVES(FIRST,
			     "{\"run\": 0, \"n_steps\": 5, \"n_not_finite\": 3, \"x\": [0, 25, 50, "
			     "75, 100], \"min\": [1, 1, null, 1, 1], \"mean\": [1, 1, null, 1, 1], "
			     "\"max\": [1, 1, null, 1, 1], \"n\": [1, 1, 0, 1, 1], \"not_finite\": "
			     "[0, 0, 3, 0, 0]}"),
			&height);

	assert_int_equal(sketch_count(s, SKETCH_LINE, theme_light.series[0]), 2);
	assert_int_equal(sketch_count(s, SKETCH_LINE, theme_light.warning),
		4); /* a cross in the panel, and in the note */
	assert_non_null(sketch_words(s, "not finite (NaN or infinite): 3 values"));
	check_apart(s);
	free(s);
}

static void a_single_step_is_a_dot(void **state) {
	(void)state;
	double height;
	struct sketch *s = draw("{\"kind\": \"curves\", \"x_label\": \"training step\", \"x_low\": "
				"5, \"x_high\": 5, \"runs\": [" FIRST "],"
				"\"panels\": [{\"metric\": \"l0\", \"label\": \"L0\", \"axis\": "
				"\"linear\", \"series\": [{\"run\": 0, \"n_steps\": 1, "
				"\"n_not_finite\": 0, \"x\": [5], \"min\": [3], \"mean\": [3], "
				"\"max\": [3], \"n\": [1], \"not_finite\": [0]}]}]}",
		&height);

	assert_int_equal(sketch_count(s, SKETCH_DISC, theme_light.series[0]), 1);
	assert_non_null(sketch_words(s, "5"));
	check_inside(s, height);
	free(s);
}

static void several_runs_have_one_legend_in_their_colours(void **state) {
	(void)state;
	double height;
	struct sketch *s =
		draw(CURVES(FIRST ", " SECOND,
			     SERIES(0, "[1, 1, 1]", "[1, 1, 1]", "[1, 1, 1]") ", " SERIES(
				     1, "[2, 2, 2]", "[2, 2, 2]", "[2, 2, 2]")),
			&height);

	assert_non_null(sketch_words(s, "first"));
	assert_non_null(sketch_words(s, "second"));
	assert_int_equal(sketch_count(s, SKETCH_LINE, theme_light.series[0]), 2);
	assert_int_equal(sketch_count(s, SKETCH_LINE, theme_light.series[1]), 2);
	check_apart(s);
	free(s);
}

/* ---- density ---- */

static void every_ridge_has_its_step_and_the_share_that_never_fired(void **state) {
	(void)state;
	double height;
	char text[8192];
	int len = snprintf(text, sizeof text,
		"{\"kind\": \"density\", \"lo\": -10, \"bins_per_decade\": 20, \"runs\": [{\"id\": "
		"\"a\", \"name\": \"first\", \"label\": \"first\", \"windows\": [");

	for (int w = 0; w < 3; w++) {
		len += snprintf(text + len, sizeof text - (size_t)len,
			"%s{\"window\": %d, \"step_first\": %d, \"step_last\": %d, "
			"\"n_tokens\": 100000, \"d_sae\": 1000, \"never_fired\": %d, \"counts\": [",
			w > 0 ? ", " : "", w, 1000 * w, 1000 * w + 999, 100 * w + 25);
		for (int bin = 0; bin < 200; bin++) {
			len += snprintf(text + len, sizeof text - (size_t)len, "%s%d",
				bin > 0 ? "," : "", bin == 140 ? 500 : 0);
		}
		len += snprintf(text + len, sizeof text - (size_t)len, "]}");
	}
	snprintf(text + len, sizeof text - (size_t)len, "]}]}");
	struct sketch *s = draw(text, &height);

	assert_non_null(sketch_words(s, "999"));
	assert_non_null(sketch_words(s, "2,999"));
	assert_non_null(sketch_words(s, "2.5 %"));
	assert_non_null(sketch_words(s, "22.5 %"));
	assert_non_null(sketch_words(s, "resolution: 1 in 100k tokens"));
	assert_non_null(sketch_words(
		s, "height: share of all features in a bin of 1/20 decade, at most 50 %"));
	/* A dashed line a window, where one firing is: on the label of 1e-5. */
	const struct sketch_mark *line = sketch_find(s, SKETCH_LINE, theme_light.warning, 0),
				 *label = sketch_words(s, "1e-5");
	assert_int_equal(sketch_count(s, SKETCH_LINE, theme_light.warning), 3);
	assert_non_null(label);
	assert_true(fabs(line->places[0].x - (label->places[0].x + label->width / 2)) < 1e-6);
	/* The bin from 1e-3 on is where its label is. */
	const struct sketch_mark *area = sketch_find(s, SKETCH_AREA, theme_light.old, 0),
				 *thousandth = sketch_words(s, "0.001");
	double left = INFINITY;
	for (size_t i = 1; i + 1 < area->n; i++) {
		left = area->places[i].y < area->places[0].y - 1 ? fmin(left, area->places[i].x)
								 : left;
	}
	assert_true(fabs(left - (thousandth->places[0].x + thousandth->width / 2)) < 1e-6);
	check_inside(s, height);
	check_apart(s);
	free(s);
}

/* ---- the front ---- */

#define AXIS(metric, higher)                                                                       \
	"{\"metric\": \"" metric "\", \"label\": \"" metric " variance\", \"higher\": " higher     \
	", \"axis\": \"linear\"}"
#define POINT(id, x, y, on_front)                                                                  \
	"{\"id\": \"" id "\", \"label\": \"" id "\", \"x\": " #x ", \"y\": " #y                    \
	", \"on_front\": " on_front "}"

static void the_front_is_a_stair_through_its_runs(void **state) {
	(void)state;
	double height;
	struct sketch *s =
		draw("{\"kind\": \"front\", \"x\": " AXIS("l0", "false") ", \"y\": " AXIS("fvu",
			     "false") ", \"runs\": [" POINT("A", 10, 5, "true") ", " POINT("B", 20,
			     2, "true") ", " POINT("worse", 20, 6, "false") "]}",
			&height);
	/* The first line of its colour is the legend's. */
	const struct sketch_mark *stair = sketch_find(s, SKETCH_LINE, theme_light.front, 1);
	const struct sketch_mark *a = sketch_find(s, SKETCH_DISC, theme_light.front, 2),
				 *b = sketch_find(s, SKETCH_DISC, theme_light.front, 1);

	assert_non_null(stair);
	assert_int_equal(stair->n, 5);
	assert_true(stair->places[1].x == a->places[0].x && stair->places[1].y == a->places[0].y);
	assert_true(stair->places[2].x == b->places[0].x && stair->places[2].y == a->places[0].y);
	assert_true(stair->places[3].x == b->places[0].x && stair->places[3].y == b->places[0].y);
	assert_true(stair->places[0].y < a->places[0].y && stair->places[4].x > b->places[0].x);
	assert_non_null(sketch_words(s, "A"));
	assert_non_null(sketch_words(s, "worse"));
	assert_non_null(sketch_words(s, "dominated"));
	check_inside(s, height);
	check_apart(s);
	free(s);
}

#define WORSE(id) ", " POINT(id, 20, 6, "false")

static void a_front_of_one_column_has_all_its_words_apart(void **state) {
	(void)state;
	double height;
	struct sketch *s = draw_at(320,
		"{\"kind\": \"front\", \"unequal_tokens\": true, \"label_prefix\": \"a-sweep-\", "
		"\"x\": " AXIS("l0",
			"false") ", \"y\": {\"metric\": \"fvu\", \"label\": "
				 "\"fraction of variance unexplained, log scale "
				 "\u2013 less variance is better\", \"higher\": false, "
				 "\"axis\": \"linear\"}, \"runs\": [" POINT("A", 10, 5, "true")
					 WORSE("b") WORSE("c") WORSE("d") WORSE("e") WORSE("f")
						 WORSE("g") WORSE("h") WORSE("i") WORSE("j")
							 WORSE("k") "]}",
		&height);
	bool left_out = false;

	for (size_t i = 0; i < s->n; i++) {
		left_out = left_out || strstr(s->marks[i].text, " left out: no room") != NULL;
	}
	assert_true(left_out);
	assert_non_null(sketch_words(s, "compared at unequal tokens"));
	assert_non_null(sketch_words(s, "all names begin with a-sweep-"));
	assert_non_null(sketch_words(s, "fraction of variance unexplained, log scale"));
	assert_non_null(sketch_words(s, "less variance is better"));
	check_apart(s);
	free(s);
}

static void where_more_is_better_the_stair_turns(void **state) {
	(void)state;
	double height;
	struct sketch *s =
		draw("{\"kind\": \"front\", \"x\": " AXIS("l0", "false") ", \"y\": " AXIS(
			     "ev", "true") ", \"runs\": [" POINT("A", 10, 5, "true") ", " POINT("B",
			     20, 8, "true") "]}",
			&height);
	const struct sketch_mark *stair = sketch_find(s, SKETCH_LINE, theme_light.front, 1);

	assert_true(stair->places[0].y > stair->places[1].y); /* from below, where it is worst */
	assert_true(stair->places[2].y == stair->places[1].y &&
		    stair->places[3].y < stair->places[2].y);
	assert_null(sketch_words(s, "dominated"));
	free(s);
}

#define SIX_STEPS(run, values, broken)                                                             \
	"{\"run\": " run ", \"n_not_finite\": 0, \"n_steps\": 6, \"x\": [0, 10, 10.1, 10.2, 30, "  \
	"39], \"min\": " values ", \"mean\": " values ", \"max\": " values                         \
	", \"n\": [1, 1, 1, 1, 1, 1], \"not_finite\": " broken "}"

static size_t strokes(const struct sketch *s, struct colour colour) {
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sketch_mark *m = &s->marks[i];
		n += m->what == SKETCH_LINE && m->n == 2 && sketch_same(m->colour, colour) &&
		     fabs(fabs(m->places[0].x - m->places[1].x) - 6) < 1e-9;
	}
	return n;
}

static void of_several_runs_a_cross_says_whose_it_is(void **state) {
	(void)state;
	double height;
	struct sketch *s =
		draw("{\"kind\": \"curves\", \"x_low\": 0, \"x_high\": 39, \"runs\": [{\"label\": "
		     "\"a\"}, {\"label\": "
		     "\"b\"}], \"panels\": [{\"metric\": \"l0\", \"label\": \"L0\", \"axis\": "
		     "\"linear\", \"series\": [" SIX_STEPS("0", "[2, null, null, null, null, 2]",
			     "[0, 1, 1, 1, 1, 0]") ", " SIX_STEPS("1", "[1, 1, 1, 1, 1, 1]",
			     "[0, 0, 0, 0, 0, 0]") "]}]}",
			&height);

	/* The second run's colour is the warning's, and it is well. Three of the first's are too close together for three crosses. */
	assert_int_equal(strokes(s, theme_pen(&theme_light, 0, 1).colour), 2 * 2);
	assert_int_equal(strokes(s, theme_light.warning), 0);
	free(s);
}

static void the_last_step_but_one_of_a_round_number_is_that_numbers_tick(void **state) {
	(void)state;
	double height;
	struct sketch *s = draw(
		"{\"kind\": \"curves\", \"x_low\": 0, \"x_high\": 999, \"runs\": [{\"label\": "
		"\"a\"}], \"panels\": "
		"[{\"metric\": \"l0\", \"label\": \"L0\", \"axis\": \"linear\", \"series\": []}]}",
		&height);

	assert_non_null(sketch_words(s, "1000"));
	check_inside(s, height);
	free(s);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_curve_goes_where_its_means_are),
		cmocka_unit_test(a_spike_in_a_column_reaches_as_high_as_it_was),
		cmocka_unit_test(a_gap_is_a_gap_and_marked),
		cmocka_unit_test(a_single_step_is_a_dot),
		cmocka_unit_test(several_runs_have_one_legend_in_their_colours),
		cmocka_unit_test(every_ridge_has_its_step_and_the_share_that_never_fired),
		cmocka_unit_test(of_several_runs_a_cross_says_whose_it_is),
		cmocka_unit_test(the_last_step_but_one_of_a_round_number_is_that_numbers_tick),
		cmocka_unit_test(the_front_is_a_stair_through_its_runs),
		cmocka_unit_test(a_front_of_one_column_has_all_its_words_apart),
		cmocka_unit_test(where_more_is_better_the_stair_turns),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What panes draw with: cells, dots, shades, and where all of it goes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "braille.h"
#include "curve_plot.h"
#include "heat.h"
#include "layout.h"
#include "metrics_shown.h"
#include "run_search.h"

static char text[65536];

static const char *written(const struct grid *g) {
	struct buf out = {0};

	assert_int_equal(grid_write(g, &out), 0);
	snprintf(text, sizeof(text), "%s", buf_text(&out));
	buf_finish(&out);
	return text;
}

static struct grid grid(unsigned width, unsigned height, bool utf8) {
	struct grid g;

	assert_int_equal(grid_init(&g, width, height, utf8), 0);
	return g;
}

static void text_is_cut_at_its_end_or_in_its_middle(void **state) {
	(void)state;
	struct grid g = grid(20, 4, true);
	assert_int_equal(grid_put(&g, 0, 0, 8, STYLE_PLAIN, "clip-b32-l9-x16"), 8);
	grid_put_middle(&g, 0, 1, 9, STYLE_PLAIN, "clip-b32-l9-x16");
	grid_put_middle(&g, 0, 2, 20, STYLE_PLAIN, "clip-b32-l9-x16");
	grid_put_right(&g, 0, 3, 20, STYLE_PLAIN, "right");
	assert_string_equal(
		written(&g), "clip-b3…\nclip…-x16\nclip-b32-l9-x16\n               right\n");
	grid_finish(&g);
}

static void half_of_a_wide_glyph_is_never_left(void **state) {
	(void)state;
	struct grid g = grid(4, 1, true);
	(void)grid_put(&g, 0, 0, 4, STYLE_PLAIN, "図書");
	(void)grid_put(&g, 1, 0, 2, STYLE_PLAIN, "ab");
	assert_string_equal(written(&g), " ab\n");
	(void)grid_put(&g, 3, 0, 4, STYLE_PLAIN, "図"); /* beyond the edge */
	assert_string_equal(written(&g), " ab\n");
	grid_finish(&g);
}

static void a_mark_sits_on_the_glyph_before_it(void **state) {
	(void)state;
	struct grid g = grid(3, 1, true);
	assert_int_equal(grid_put(&g, 0, 0, 3, STYLE_PLAIN, "e\u0301\u0302\u0303\u0304x"), 2);
	assert_string_equal(grid_at(&g, 1, 0)->bytes, "x");
	assert_true(strlen(grid_at(&g, 0, 0)->bytes) < CELL_BYTES);
	grid_finish(&g);
}

static void what_is_drawn_outside_is_not_drawn(void **state) {
	(void)state;
	struct grid g = grid(3, 2, true);
	(void)grid_put(&g, 7, 0, 3, STYLE_PLAIN, "abc");
	(void)grid_put(&g, 0, 9, 3, STYLE_PLAIN, "abc");
	(void)grid_put(&g, 2, 1, 3, STYLE_PLAIN, "xyz");
	grid_reverse(&g, 2, 1, 50);
	assert_string_equal(written(&g), "\n  x\n");
	grid_finish(&g);
}

static void dots_become_braille_and_without_it_halves(void **state) {
	struct braille b;

	(void)state;
	assert_int_equal(braille_init(&b, 3, 1), 0);
	braille_line(&b, 0, 3, 3, 0);
	braille_span(&b, 5, -7, 99);
	braille_dot(&b, -1, 0);
	braille_dot(&b, 0, 4);
	struct grid g = grid(3, 2, true);
	braille_draw(&b, &g, 0, 0, STYLE_GOOD);
	assert_string_equal(written(&g), "⡠⠊⢸\n\n");
	assert_int_equal(grid_at(&g, 0, 0)->style, STYLE_GOOD);
	assert_int_equal(grid_at(&g, 2, 0)->style, STYLE_DIM);
	grid_finish(&g);
	g = grid(3, 2, false);
	braille_draw(&b, &g, 0, 0, STYLE_GOOD);
	assert_string_equal(written(&g), ".':\n\n");
	grid_finish(&g);
	braille_finish(&b);
}

static void a_line_has_both_ends_whichever_way_it_goes(void **state) {
	(void)state;
	for (int i = 0; i < 16; i++) {
		struct braille b, back;
		int x = i % 4 * 2, y = i / 4 * 2;
		assert_int_equal(braille_init(&b, 4, 2), 0);
		assert_int_equal(braille_init(&back, 4, 2), 0);
		braille_line(&b, 3, 3, x, y);
		braille_dot(&back, 3, 3);
		braille_dot(&back, x, y);
		for (int k = 0; k < 8; k++) {
			assert_int_equal(b.dots[k] & back.dots[k], back.dots[k]);
		}
		braille_finish(&b);
		braille_finish(&back);
	}
}

static void the_least_count_is_seen_and_the_greatest_is_darkest(void **state) {
	(void)state;
	assert_int_equal(heat_shade(0, 1e6), 0);
	assert_int_equal(heat_shade(1, 1e6), 1);
	assert_int_equal(heat_shade(1e6, 1e6), GRID_SHADES);
	assert_int_equal(heat_shade(NAN, 1), 0);
	assert_string_equal(heat_glyph(0, true), " ");
	assert_string_equal(heat_glyph(1, true), "░");
	assert_string_equal(heat_glyph(GRID_SHADES, true), "█");
	assert_string_equal(heat_glyph(1, false), ".");
	assert_string_equal(heat_glyph(GRID_SHADES, false), "@");
}

static void columns_of_the_heat_map_are_whole_bins_and_lose_none(void **state) {
	double counts[HEAT_COLUMNS_MAX];
	json_t *list = json_array();

	(void)state;
	for (int i = 0; i < 200; i++) {
		json_array_append_new(list, json_integer(i));
	}
	json_t *window = json_pack("{s:{s:o}}", "histogram", "counts", list);
	for (unsigned room = 0; room < 300; room++) {
		unsigned per_decade = heat_per_decade(room, 7);
		assert_true(7 * per_decade <= room);
		double sum = 0;
		unsigned n = per_decade > 0 ? heat_counts(window, 7, per_decade, counts) : 0;
		for (unsigned i = 0; i < n; i++) {
			sum += counts[i];
		}
		assert_true(n == 0 || sum == (60 + 199) * 140 / 2.0);
	}
	assert_int_equal(heat_counts(window, 11, 20, counts), 0);
	assert_int_equal(heat_counts(NULL, 7, 20, counts), 0);
	json_decref(window);
}

static bool inside(const struct rect *r, unsigned width, unsigned height) {
	return r->width > 2 && r->height > 0 && r->x + r->width <= width &&
	       r->y + r->height <= height;
}

static void panes_tile_every_screen_that_is_large_enough(void **state) {
	struct layout l;

	(void)state;
	for (unsigned width = 1; width < 400; width += 3) {
		for (unsigned height = 1; height < 120; height++) {
			bool fits = layout_make(width, height, &l);
			assert_int_equal(fits, width >= 80 && height >= 24);
			if (!fits) {
				continue;
			}
			unsigned area = width * (1 + l.alerts.height);
			const struct rect *panes[] = {&l.runs, &l.density, &l.sparsity};
			for (size_t i = 0; i < 3 + l.n_curves; i++) {
				const struct rect *r = i < 3 ? panes[i] : &l.curves[i - 3];
				assert_true(inside(r, width, height - l.alerts.height));
				area += r->width * r->height;
			}
			assert_int_equal(area, width * height);
		}
	}
}

static void a_scale_is_logarithmic_where_values_span_much_and_only_above_zero(void **state) {
	struct curve c = {
		.n = 2, .at = {0, 1}, .mean = {1, 100}, .low = {1, 100}, .high = {1, 100}};

	(void)state;
	assert_true(curve_is_log(&c, CURVE_AUTO));
	assert_false(curve_is_log(&c, CURVE_LINEAR));
	c.high[1] = c.mean[1] = c.low[1] = 2;
	assert_false(curve_is_log(&c, CURVE_AUTO));
	assert_true(curve_is_log(&c, CURVE_LOG));
	c.low[0] = 0;
	assert_false(curve_is_log(&c, CURVE_LOG));
}

static int draw_curve(const char *json, enum curve_axis axis, struct grid *g) {
	static struct curve c;
	json_t *curves = json_loads(json, 0, NULL);

	assert_non_null(curves);
	curve_read(curves, "l0", axis, &c);
	json_decref(curves);
	return curve_draw(&c, CURVE_AUTO, axis, &(struct rect){0, 0, g->width, g->height}, g);
}

static void what_is_not_finite_is_marked_and_leaves_a_gap(void **state) {
	(void)state;
	struct grid g = grid(27, 6, true);
	(void)draw_curve(
		"{\"step_first\":0,\"step_last\":4,\"series\":{\"l0\":{\"values\":[5,5,null,5,5],"
		"\"lows\":[5,5,null,5,5],\"highs\":[5,5,null,5,5],\"not_finite\":[2]}}}",
		CURVE_STEPS, &g);
	const char *drawn = written(&g);
	assert_non_null(strstr(drawn, "×"));
	assert_int_equal(grid_at(&g, 17, 0)->style, STYLE_BAD);
	assert_string_equal(grid_at(&g, 17, 2)->bytes, " ");
	grid_finish(&g);
}

static void nothing_but_gaps_draws_nothing(void **state) {
	(void)state;
	struct grid g = grid(27, 6, true);
	assert_int_equal(
		draw_curve("{\"series\":{\"l0\":{\"values\":[null,null]}}}", CURVE_STEPS, &g),
		CURVE_NOT_FINITE);
	assert_int_equal(draw_curve("{\"series\":{\"l0\":{\"values\":[1,2]}}}", CURVE_TOKENS, &g),
		CURVE_NOWHERE);
	assert_int_equal(draw_curve("{\"series\":{}}", CURVE_TIME, &g), CURVE_NOWHERE);
	assert_string_equal(written(&g), "\n\n\n\n\n\n");
	grid_finish(&g);
}

static void a_constant_is_a_line_in_the_middle_however_small(void **state) {
	(void)state;
	static const char *const values[] = {
		"[4e-4,4e-4,4e-4]", "[5,5,5]", "[-3,-3,-3]", "[0,0,0]"};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct grid g = grid(27, 9, true);
		char json[128];
		snprintf(json, sizeof(json),
			"{\"step_first\":0,\"step_last\":2,\"series\":{\"l0\":{\"values\":%s}}}",
			values[i]);
		assert_int_equal(draw_curve(json, CURVE_STEPS, &g), CURVE_DRAWN);
		assert_string_not_equal(
			grid_at(&g, 17, 3)->bytes, " "); /* of seven lines the middle one */
		grid_finish(&g);
	}
}

static void the_axis_of_steps_begins_with_the_first_and_ends_with_the_last(void **state) {
	(void)state;
	struct grid g = grid(47, 6, true);
	(void)draw_curve(
		"{\"step_first\":0,\"step_last\":40000,\"series\":{\"l0\":{\"values\":[1,2,3,4]}}}",
		CURVE_STEPS, &g);
	assert_non_null(strstr(written(&g), "\n       0 "));
	assert_non_null(strstr(text, "40k\n"));
	grid_finish(&g);
}

static void a_pause_is_a_straight_line_over_time(void **state) {
	(void)state;
	struct grid g = grid(47, 6, true);
	(void)draw_curve("{\"times\":[0,10,20,7200],\"series\":{\"l0\":{\"values\":[1,2,3,4]}}}",
		CURVE_TIME, &g);
	assert_non_null(strstr(written(&g), "1.0h"));
	grid_finish(&g);
}

static void metrics_come_in_their_order_and_unknown_ones_behind(void **state) {
	json_t *series = json_pack("{s:{},s:{},s:{}}", "new_metric", "l0", "mse_loss");

	(void)state;
	assert_string_equal(metrics_nth(series, 0), "mse_loss");
	assert_string_equal(metrics_nth(series, 2), "new_metric");
	assert_null(metrics_nth(series, 3));
	assert_string_equal(metrics_beside(series, "mse_loss", -1), "new_metric");
	assert_string_equal(metrics_beside(series, "new_metric", 1), "mse_loss");
	assert_string_equal(metrics_beside(series, "gone", 1), "mse_loss");
	assert_null(metrics_beside(NULL, "l0", 1));
	json_decref(series);
}

static void every_word_looked_for_is_somewhere_in_the_run(void **state) {
	json_t *run = json_pack("{s:s,s:s,s:s,s:n,s:[s]}", "id", "ab12", "project", "Clip", "state",
		"running", "user", "tags", "baseline");

	(void)state;
	assert_true(run_search_fits("", "x16", run));
	assert_true(run_search_fits("  ", "x16", run));
	assert_true(run_search_fits("clip BASE x16 run", "l9-x16", run));
	assert_false(run_search_fits("clip x32", "l9-x16", run));
	json_decref(run);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cut_at_its_end_or_in_its_middle),
		cmocka_unit_test(half_of_a_wide_glyph_is_never_left),
		cmocka_unit_test(a_mark_sits_on_the_glyph_before_it),
		cmocka_unit_test(what_is_drawn_outside_is_not_drawn),
		cmocka_unit_test(dots_become_braille_and_without_it_halves),
		cmocka_unit_test(a_line_has_both_ends_whichever_way_it_goes),
		cmocka_unit_test(the_least_count_is_seen_and_the_greatest_is_darkest),
		cmocka_unit_test(columns_of_the_heat_map_are_whole_bins_and_lose_none),
		cmocka_unit_test(panes_tile_every_screen_that_is_large_enough),
		cmocka_unit_test(a_scale_is_logarithmic_where_values_span_much_and_only_above_zero),
		cmocka_unit_test(what_is_not_finite_is_marked_and_leaves_a_gap),
		cmocka_unit_test(nothing_but_gaps_draws_nothing),
		cmocka_unit_test(a_constant_is_a_line_in_the_middle_however_small),
		cmocka_unit_test(the_axis_of_steps_begins_with_the_first_and_ends_with_the_last),
		cmocka_unit_test(a_pause_is_a_straight_line_over_time),
		cmocka_unit_test(metrics_come_in_their_order_and_unknown_ones_behind),
		cmocka_unit_test(every_word_looked_for_is_somewhere_in_the_run),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("watch drawing", tests, NULL, NULL);
}

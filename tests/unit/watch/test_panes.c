/* The screens of `watch`, cell by cell, without a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "panes.h"
#include "screen.h"

static const struct run_filter all;

static void board(struct model *m, const char *runs, bool utf8, unsigned width, unsigned height) {
	const struct look look = {.screen = true, .utf8 = utf8, .now = SCREEN_NOW};

	model_init(m, &look, &all);
	model_resize(m, width, height);
	assert_int_equal(model_take_status(m, screen_document(runs)), 0);
}

static void take_detail(struct model *m, const char *name) {
	json_t *document = screen_document(name);

	model_take_detail(m, json_incref(json_array_get(json_object_get(document, "runs"), 0)));
	json_decref(document);
}

static struct grid drawn(struct model *m) {
	struct grid g;

	assert_int_equal(grid_init(&g, m->look.width, m->height, m->look.utf8), 0);
	assert_int_equal(watch_draw(m, &g), 0);
	return g;
}

static void check(struct model *m, const char *screen) {
	struct grid g = drawn(m);
	struct buf text = {0};

	assert_int_equal(grid_write(&g, &text), 0);
	screen_check(buf_text(&text), screen);
	buf_finish(&text);
	grid_finish(&g);
}

static void check_size(bool utf8, unsigned width, unsigned height, const char *screen) {
	struct model m;

	board(&m, "five_runs", utf8, width, height);
	take_detail(&m, "watched_run");
	check(&m, screen);
	model_finish(&m);
}

static void eighty_by_twenty_four_has_all_panes(void **state) {
	(void)state;
	check_size(true, 80, 24, "watch.80x24");
	check_size(false, 80, 24, "watch.80x24.ascii");
}

static void a_hundred_and_twenty_by_thirty_has_room_for_names(void **state) {
	(void)state;
	check_size(true, 120, 30, "watch.120x30");
	check_size(false, 120, 30, "watch.120x30.ascii");
}

static void two_hundred_by_fifty_shows_six_curves(void **state) {
	(void)state;
	check_size(true, 200, 50, "watch.200x50");
	check_size(false, 200, 50, "watch.200x50.ascii");
}

static void a_smaller_screen_says_so(void **state) {
	(void)state;
	check_size(true, 79, 24, "watch.79x24");
	check_size(true, 80, 23, "watch.80x23");
	check_size(true, 1, 1, "watch.1x1");
}

static void before_anything_is_known_the_panes_are_empty(void **state) {
	const struct look look = {.screen = true, .utf8 = true, .now = SCREEN_NOW};
	struct model m;

	(void)state;
	model_init(&m, &look, &all);
	model_resize(&m, 80, 24);
	check(&m, "watch.nothing");
	assert_int_equal(model_take_status(&m, screen_document("no_runs")), 0);
	check(&m, "watch.no_runs");
	model_finish(&m);
}

static void a_run_without_its_curves_yet_is_in_the_list(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	check(&m, "watch.no_detail");
	model_finish(&m);
}

static void set_curves(struct model *m, const char *json) {
	json_t *run = json_deep_copy(model_run(m)), *curves = json_loads(json, 0, NULL);

	assert_non_null(curves);
	assert_int_equal(json_object_set_new(run, "curves", curves), 0);
	model_take_detail(m, run);
}

static bool says(struct model *m, const char *words) {
	struct grid g = drawn(m);
	struct buf text = {0};

	assert_int_equal(grid_write(&g, &text), 0);
	bool said = strstr(buf_text(&text), words) != NULL;
	buf_finish(&text);
	grid_finish(&g);
	return said;
}

static void a_curve_that_cannot_be_drawn_says_why(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	set_curves(&m, "{\"step_first\":0,\"step_last\":2,\"series\":{\"mse_loss\":"
		       "{\"values\":[null,null,null],\"not_finite\":[0,1,2]}}}");
	assert_true(says(&m, "no value of it is finite"));
	set_curves(&m, "{\"step_first\":0,\"step_last\":2,\"series\":{\"mse_loss\":{\"values\":[3,"
		       "2,1]}}}");
	assert_false(says(&m, "not known"));
	(void)model_key(&m, 'x');
	assert_true(says(&m, "its tokens are not known"));
	(void)model_key(&m, 'x');
	assert_true(says(&m, "its times are not known"));
	model_finish(&m);
}

static void an_alert_keeps_the_end_of_a_long_name(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 120, 30);
	json_t *runs = json_object_get(m.status, "runs");
	for (size_t i = 0; i < json_array_size(runs); i++) {
		char name[64];
		snprintf(name, sizeof(name), "a-sweep-with-a-long-name-of-its-own-%zu", i);
		json_object_set_new(json_array_get(runs, i), "name", json_string(name));
	}
	assert_int_equal(model_take_status(&m, json_incref(m.status)), 0);
	assert_true(says(&m, "a-sweep-wit…of-its-own-2 no step for"));
	model_finish(&m);
}

static void the_run_in_full_is_what_status_shows_and_scrolls(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	take_detail(&m, "watched_run");
	(void)model_key(&m, KEY_RETURN);
	check(&m, "watch.run");
	(void)model_key(&m, KEY_PAGE_DOWN);
	check(&m, "watch.run.2");
	(void)model_key(&m, KEY_GO_LAST);
	size_t last = m.page_top;
	(void)model_key(&m, KEY_GO_DOWN);
	assert_int_equal(m.page_top, last);
	model_finish(&m);
}

static void the_front_is_that_of_the_project(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	(void)model_key(&m, 'p');
	check(&m, "watch.front.asking");
	model_take_points(&m, screen_document("points"));
	check(&m, "watch.front");
	model_resize(&m, 120, 50);
	check(&m, "watch.front.120x50");
	(void)model_key(&m, KEY_ESCAPE);
	(void)model_key(&m, KEY_GO_DOWN);
	(void)model_key(&m, 'p');
	check(&m, "watch.front.of_another");
	model_finish(&m);
}

static void help_lies_over_the_panes(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	take_detail(&m, "watched_run");
	(void)model_key(&m, '?');
	check(&m, "watch.help");
	model_finish(&m);
}

static void a_silent_daemon_is_said_with_the_time_since_when(void **state) {
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	model_trouble(&m, "no answer from /run/x: there is no such socket", SCREEN_NOW - 3600);
	model_trouble(&m, "no answer from /run/x: there is no such socket", SCREEN_NOW);
	check(&m, "watch.silent");
	model_finish(&m);
}

/* Each cell is printable and as wide as it says. */
static void check_cells(const struct grid *g) {
	for (unsigned y = 0; y < g->height; y++) {
		unsigned width = 0;
		for (unsigned x = 0; x < g->width; x++) {
			const struct cell *cell = grid_at(g, x, y);
			for (const char *c = cell->bytes; *c; c++) {
				assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
			}
			assert_true(cell->style < GRID_STYLES_END);
			width += glyph_columns(cell->bytes, g->utf8);
		}
		assert_int_equal(width, g->width);
	}
}

static void names_of_any_kind_stay_in_their_place(void **state) {
	static const unsigned sizes[][2] = {{80, 24}, {120, 30}, {200, 50}};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct model m;
		board(&m, "hostile_runs", i < 3, sizes[i % 3][0], sizes[i % 3][1]);
		for (int key = 0; key < 5; key++) {
			struct grid g = drawn(&m);
			check_cells(&g);
			grid_finish(&g);
			(void)model_key(&m, KEY_GO_DOWN);
		}
		model_finish(&m);
	}
	struct model m;
	board(&m, "hostile_runs", true, 120, 30);
	check(&m, "watch.hostile");
	model_finish(&m);
}

static void every_size_and_view_can_be_drawn(void **state) {
	static const unsigned widths[] = {1, 40, 80, 81, 99, 100, 159, 160, 161, 333};
	static const unsigned heights[] = {1, 10, 24, 25, 39, 40, 41, 77};
	struct model m;

	(void)state;
	board(&m, "five_runs", true, 80, 24);
	take_detail(&m, "watched_run");
	for (size_t i = 0; i < 3 * 10 * 8; i++) {
		model_resize(&m, widths[i % 10], heights[i / 10 % 8]);
		m.view = (enum model_view)(i / 80);
		m.axis = (enum curve_axis)(i % CURVE_AXES);
		m.scale = (enum curve_scale)(i / 3 % CURVE_SCALES);
		struct grid g = drawn(&m);
		check_cells(&g);
		grid_finish(&g);
	}
	model_finish(&m);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eighty_by_twenty_four_has_all_panes),
		cmocka_unit_test(a_hundred_and_twenty_by_thirty_has_room_for_names),
		cmocka_unit_test(two_hundred_by_fifty_shows_six_curves),
		cmocka_unit_test(a_smaller_screen_says_so),
		cmocka_unit_test(before_anything_is_known_the_panes_are_empty),
		cmocka_unit_test(a_run_without_its_curves_yet_is_in_the_list),
		cmocka_unit_test(a_curve_that_cannot_be_drawn_says_why),
		cmocka_unit_test(an_alert_keeps_the_end_of_a_long_name),
		cmocka_unit_test(the_run_in_full_is_what_status_shows_and_scrolls),
		cmocka_unit_test(the_front_is_that_of_the_project),
		cmocka_unit_test(help_lies_over_the_panes),
		cmocka_unit_test(a_silent_daemon_is_said_with_the_time_since_when),
		cmocka_unit_test(names_of_any_kind_stay_in_their_place),
		cmocka_unit_test(every_size_and_view_can_be_drawn),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("watch panes", tests, NULL, NULL);
}

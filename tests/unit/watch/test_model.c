/* Documents and keys in, state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model.h"
#include "screen.h"

static const struct run_filter all;

static struct model begun(void) {
	const struct look look = {.screen = true, .utf8 = true, .now = SCREEN_NOW};
	struct model m;

	model_init(&m, &look, &all);
	model_resize(&m, 80, 24);
	assert_int_equal(model_take_status(&m, screen_document("five_runs")), 0);
	return m;
}

static json_t *run_in_full(void) {
	json_t *document = screen_document("watched_run");
	json_t *run = json_incref(json_array_get(json_object_get(document, "runs"), 0));

	json_decref(document);
	return run;
}

static void type(struct model *m, const char *keys) {
	for (; *keys; keys++) {
		(void)model_key(m, (unsigned char)*keys);
	}
}

static void the_first_run_is_looked_at_until_another_is_chosen(void **state) {
	(void)state;
	struct model m = begun();
	assert_string_equal(m.selected, "q7w18f3a");
	assert_int_equal(model_key(&m, 'j'), MODEL_CHANGED);
	assert_string_equal(m.selected, "m2k9c0e1");
	type(&m, "kkkk");
	assert_string_equal(m.selected, "q7w18f3a");
	(void)model_key(&m, 'G');
	assert_string_equal(m.selected, "b5e677a0");
	(void)model_key(&m, KEY_GO_DOWN);
	assert_string_equal(m.selected, "b5e677a0");
	model_finish(&m);
}

static void a_run_that_is_looked_at_stays_so_when_the_order_changes(void **state) {
	(void)state;
	struct model m = begun();
	(void)model_key(&m, 'j');
	json_t *document = screen_document("five_runs");
	json_t *runs = json_object_get(document, "runs");
	json_t *first = json_incref(json_array_get(runs, 0));
	json_array_remove(runs, 0);
	json_array_append_new(runs, first);
	assert_int_equal(model_take_status(&m, document), 0);
	assert_string_equal(m.selected, "m2k9c0e1");

	/* Gone: the first one is. */
	document = screen_document("five_runs");
	json_array_remove(json_object_get(document, "runs"), 1);
	assert_int_equal(model_take_status(&m, document), 0);
	assert_string_equal(m.selected, "q7w18f3a");
	model_finish(&m);
}

static void a_filter_works_as_it_is_typed_and_escape_clears_it(void **state) {
	(void)state;
	struct model m = begun();
	type(&m, "/gpt");
	assert_int_equal(m.n_shown, 1);
	assert_string_equal(m.selected, "m2k9c0e1");
	type(&m, "q"); /* no key that quits, while typing */
	assert_int_equal(m.n_shown, 0);
	assert_null(model_run(&m));
	(void)model_key(&m, KEY_RUBOUT);
	assert_int_equal(m.n_shown, 1);
	(void)model_key(&m, KEY_RETURN);
	assert_false(m.typing);
	assert_int_equal(m.n_shown, 1);
	(void)model_key(&m, KEY_ESCAPE);
	assert_int_equal(m.n_shown, 5);
	type(&m, "/x");
	(void)model_key(&m, KEY_ESCAPE);
	assert_string_equal(m.filter, "");
	model_finish(&m);
}

static void letters_of_any_script_are_typed_and_taken_back_whole(void **state) {
	(void)state;
	struct model m = begun();
	(void)model_key(&m, '/');
	(void)model_key(&m, 0xfc);
	(void)model_key(&m, 0x56f3);
	(void)model_key(&m, 0x1f600);
	(void)model_key(&m, KEY_PAGE_UP); /* is no letter */
	(void)model_key(&m, 0x9b);        /* nor is that */
	assert_string_equal(m.filter, "ü図😀");
	(void)model_key(&m, KEY_RUBOUT);
	(void)model_key(&m, KEY_RUBOUT);
	assert_string_equal(m.filter, "ü");
	for (int i = 0; i < 1000; i++) {
		(void)model_key(&m, 0x56f3);
	}
	assert_true(strlen(m.filter) < sizeof(m.filter));
	model_finish(&m);
}

static void what_the_command_line_asked_for_is_all_there_is(void **state) {
	const struct look look = {.screen = true, .utf8 = true, .now = SCREEN_NOW};
	char words[RUN_FILTER_WORDS_SIZE];
	struct run_filter only = {0};
	struct model m;

	(void)state;
	assert_true(run_filter_add(&only, RUN_FILTER_STATE, "stalled,failed", 0, words));
	model_init(&m, &look, &only);
	model_resize(&m, 80, 24);
	assert_int_equal(model_take_status(&m, screen_document("five_runs")), 0);
	assert_int_equal(m.n_shown, 2);
	model_finish(&m);
}

static void tab_goes_round_all_panes_and_both_ways(void **state) {
	(void)state;
	struct model m = begun();
	assert_int_equal(m.layout.n_curves, 2);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(m.focus, i);
		(void)model_key(&m, '\t');
	}
	assert_int_equal(m.focus, FOCUS_RUNS);
	(void)model_key(&m, KEY_TAB_BACK);
	assert_int_equal(m.focus, FOCUS_CURVES + 1);
	model_finish(&m);
}

static void a_focus_that_a_smaller_screen_has_not_is_given_up(void **state) {
	(void)state;
	struct model m = begun();
	model_resize(&m, 200, 50);
	(void)model_key(&m, KEY_TAB_BACK);
	assert_int_equal(m.focus, FOCUS_CURVES + 5);
	model_resize(&m, 80, 24);
	assert_int_equal(m.focus, FOCUS_RUNS);
	model_finish(&m);
}

static void a_curve_shows_any_metric_that_the_run_has(void **state) {
	(void)state;
	struct model m = begun();
	assert_int_equal(model_key(&m, 'm'), MODEL_SAME); /* nothing is known yet */
	model_take_detail(&m, run_in_full());
	assert_string_equal(model_metric(&m, 0), "mse_loss");
	assert_string_equal(model_metric(&m, 1), "l0");
	(void)model_key(&m, KEY_TAB_BACK);
	(void)model_key(&m, KEY_GO_RIGHT);
	assert_string_equal(model_metric(&m, 1), "explained_variance");
	(void)model_key(&m, 'M');
	(void)model_key(&m, 'M');
	assert_string_equal(model_metric(&m, 1), "mse_loss");
	model_finish(&m);
}

static void scales_and_axes_go_round(void **state) {
	(void)state;
	struct model m = begun();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(m.scale, i);
		assert_int_equal(m.axis, i);
		type(&m, "xy");
	}
	assert_int_equal(m.scale, CURVE_AUTO);
	assert_int_equal(m.axis, CURVE_STEPS);
	model_finish(&m);
}

static void in_the_density_up_goes_back_in_time_and_no_further_than_there_is(void **state) {
	(void)state;
	struct model m = begun();
	model_take_detail(&m, run_in_full());
	(void)model_key(&m, '\t');
	assert_int_equal(m.focus, FOCUS_DENSITY);
	(void)model_key(&m, 'k');
	assert_int_equal(m.density_back, 1);
	(void)model_key(&m, 'g');
	assert_int_equal(
		m.density_back, 32 - (m.layout.density.height - 3)); /* the first is on top */
	(void)model_key(&m, 'G');
	assert_int_equal(m.density_back, 0);
	assert_string_equal(m.selected, "q7w18f3a");
	model_finish(&m);
}

static void q_leaves_the_run_in_full_and_then_the_program(void **state) {
	(void)state;
	struct model m = begun();
	(void)model_key(&m, KEY_RETURN);
	assert_int_equal(m.view, VIEW_RUN);
	assert_int_equal(model_key(&m, 'q'), MODEL_CHANGED);
	assert_int_equal(m.view, VIEW_BOARD);
	(void)model_key(&m, '?');
	assert_int_equal(model_key(&m, 'q'), MODEL_CHANGED);
	assert_int_equal(model_key(&m, 'q'), MODEL_QUIT);
	model_resize(&m, 10, 5);
	assert_int_equal(model_key(&m, 'j'), MODEL_SAME);
	assert_int_equal(model_key(&m, 'q'), MODEL_QUIT);
	model_finish(&m);
}

static void help_goes_back_to_where_it_was_asked_for(void **state) {
	(void)state;
	struct model m = begun();
	(void)model_key(&m, KEY_RETURN);
	type(&m, "??");
	assert_int_equal(m.view, VIEW_RUN);
	type(&m, "q?x");
	assert_int_equal(m.view, VIEW_BOARD);
	model_finish(&m);
}

static void a_page_is_left_when_its_run_is_gone(void **state) {
	(void)state;
	struct model m = begun();
	(void)model_key(&m, KEY_RETURN);
	json_t *document = screen_document("five_runs");
	json_array_remove(json_object_get(document, "runs"), 0);
	assert_int_equal(model_take_status(&m, document), 0);
	assert_int_equal(m.view, VIEW_BOARD);

	type(&m, "p?");
	assert_int_equal(model_take_status(&m, screen_document("no_runs")), 0);
	assert_int_equal(m.view, VIEW_HELP);
	type(&m, "x");
	assert_int_equal(m.view, VIEW_BOARD);
	model_finish(&m);
}

static void of_a_run_that_no_word_fits_nothing_is_shown(void **state) {
	(void)state;
	struct model m = begun();
	model_take_detail(&m, run_in_full());
	type(&m, "/nobody");
	assert_int_equal(m.n_shown, 0);
	assert_null(m.detail);
	(void)model_key(&m, KEY_ESCAPE);
	assert_string_equal(m.selected, "q7w18f3a");
	model_finish(&m);
}

static void a_detail_is_stale_when_a_dot_a_window_or_a_state_is_behind(void **state) {
	(void)state;
	struct model m = begun();
	assert_true(model_detail_is_stale(&m, 100));
	json_t *run = run_in_full(), *listed = json_array_get(json_object_get(m.status, "runs"), 0);
	model_take_detail(&m, json_deep_copy(listed));
	assert_false(model_detail_is_stale(&m, 100));
	json_int_t step = json_integer_value(json_object_get(listed, "step"));
	json_object_set_new(listed, "step", json_integer(step + step / 100 - 2));
	assert_false(model_detail_is_stale(&m, 100));
	json_object_set_new(listed, "step", json_integer(step + step / 50));
	assert_true(model_detail_is_stale(&m, 100));
	json_object_set_new(listed, "step", json_integer(step));
	json_object_set_new(listed, "state", json_string("finished"));
	assert_true(model_detail_is_stale(&m, 100));
	json_decref(run);
	model_finish(&m);
}

static void the_detail_of_a_run_that_is_not_looked_at_is_dropped(void **state) {
	(void)state;
	struct model m = begun();
	(void)model_key(&m, 'j');
	model_take_detail(&m, run_in_full());
	assert_null(m.detail);
	(void)model_key(&m, 'k');
	model_take_detail(&m, run_in_full());
	assert_non_null(m.detail);
	(void)model_key(&m, 'j');
	assert_null(m.detail);
	model_finish(&m);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_run_is_looked_at_until_another_is_chosen),
		cmocka_unit_test(a_run_that_is_looked_at_stays_so_when_the_order_changes),
		cmocka_unit_test(a_filter_works_as_it_is_typed_and_escape_clears_it),
		cmocka_unit_test(letters_of_any_script_are_typed_and_taken_back_whole),
		cmocka_unit_test(what_the_command_line_asked_for_is_all_there_is),
		cmocka_unit_test(tab_goes_round_all_panes_and_both_ways),
		cmocka_unit_test(a_focus_that_a_smaller_screen_has_not_is_given_up),
		cmocka_unit_test(a_curve_shows_any_metric_that_the_run_has),
		cmocka_unit_test(scales_and_axes_go_round),
		cmocka_unit_test(in_the_density_up_goes_back_in_time_and_no_further_than_there_is),
		cmocka_unit_test(q_leaves_the_run_in_full_and_then_the_program),
		cmocka_unit_test(help_goes_back_to_where_it_was_asked_for),
		cmocka_unit_test(a_page_is_left_when_its_run_is_gone),
		cmocka_unit_test(of_a_run_that_no_word_fits_nothing_is_shown),
		cmocka_unit_test(a_detail_is_stale_when_a_dot_a_window_or_a_state_is_behind),
		cmocka_unit_test(the_detail_of_a_run_that_is_not_looked_at_is_dropped),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("watch model", tests, NULL, NULL);
}

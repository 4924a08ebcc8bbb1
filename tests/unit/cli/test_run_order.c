/* Values of runs by their names, and runs in the order of one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "run_order.h"
#include "screen.h"

static const struct look screen = {80, true, true, false, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

static json_t *runs_of(const char *text) {
	json_error_t error;
	json_t *runs = json_loads(text, 0, &error);

	if (!runs) {
		fail_msg("%s", error.text);
	}
	return runs;
}

static const char *printed(const char *name, const json_t *run, const struct look *look) {
	static char out[256];
	struct run_value value;
	struct buf text = {0};

	assert_true(run_value_find(name, &value));
	(void)run_value_print(&value, run, look, &text);
	snprintf(out, sizeof(out), "%s", text.len > 0 ? buf_text(&text) : "");
	buf_finish(&text);
	return out;
}

static void a_value_has_the_name_that_it_has_everywhere(void **state) {
	json_t *run =
		runs_of("{\"losses\": {\"mse_loss\": \"NaN\"}, \"metrics\": {\"fvu\": 0.1165},"
			" \"sparsity\": {\"below_1e-5\": 2670, \"thresholds\": [{\"density\": "
			"0.001, \"below\": 9120}]},"
			" \"group\": \"l9\", \"tags\": [\"a\", \"b\"], \"started\": "
			"\"2026-11-23T15:20:11Z\","
			" \"config\": {\"lr\": 0.0004, \"optimizer\": {\"name\": \"adam\"}, "
			"\"a.b\": true, \"x\": null},"
			" \"summary\": {\"eval/score\": 0.25}}");
	(void)state;

	assert_string_equal(printed("mse_loss", run, &screen), "NaN");
	assert_string_equal(printed("fvu", run, &screen), "0.117");
	assert_string_equal(printed("below_1e-5", run, &screen), "2670");
	assert_string_equal(printed("below_1e-3", run, &screen), "9120");
	assert_string_equal(printed("below_0.01", run, &screen), "");
	assert_string_equal(printed("group", run, &screen), "l9");
	assert_string_equal(printed("tags", run, &screen), "[\"a\",\"b\"]");
	assert_string_equal(printed("config.lr", run, &screen), "0.0004");
	assert_string_equal(printed("config.optimizer.name", run, &screen), "adam");
	assert_string_equal(printed("config.a.b", run, &screen), "true");
	assert_string_equal(printed("config.x", run, &screen), "");
	assert_string_equal(printed("summary.eval/score", run, &screen), "0.25");
	assert_string_equal(printed("l0", run, &screen), "");
	json_decref(run);
}

static void scripts_get_a_time_as_the_document_has_it(void **state) {
	json_t *run = runs_of("{\"started\": \"2026-11-23T15:20:11Z\"}");
	(void)state;

	assert_string_equal(printed("started", run, &screen), "2026-11-23 15:20");
	assert_string_equal(printed("started", run, &pipe_look), "2026-11-23T15:20:11Z");
	assert_string_equal(printed("ended", run, &pipe_look), "");
	json_decref(run);
}

static void a_name_that_no_run_can_have_is_not_found(void **state) {
	static const char *const names[] = {
		"loss", "", "config", "config.", "summary.", "below_", "below_few", "below_-1"};
	struct run_value value;
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(run_value_find(names[i], &value));
	}
}

/* Ids behind one another. */
static void check_order(const char *by, size_t limit, const char *expected) {
	json_t *runs = runs_of(
		"[{\"id\": \"a\", \"metrics\": {\"l0\": 30}, \"config\": {\"kind\": \"topk\"}},"
		" {\"id\": \"b\", \"metrics\": {\"l0\": null}, \"config\": {\"kind\": \"relu\"}},"
		" {\"id\": \"c\", \"metrics\": {\"l0\": \"NaN\"}, \"config\": {\"kind\": 3}},"
		" {\"id\": \"d\", \"metrics\": {\"l0\": 12.5}},"
		" {\"id\": \"e\", \"metrics\": {\"l0\": 30}, \"config\": {\"kind\": true}},"
		" {\"id\": \"f\", \"metrics\": {\"l0\": \"Infinity\"}, \"config\": {\"kind\": "
		"\"topk\"}}]");
	struct run_order order = {.limit = limit};
	char ids[16] = "";

	if (by) {
		assert_true(run_order_parse(&order, by));
	}
	assert_int_equal(run_order_apply(&order, runs), 0);
	for (size_t i = 0, len = 0; i < json_array_size(runs) && len < sizeof(ids); i++) {
		len += (size_t)snprintf(ids + len, sizeof(ids) - len, "%s",
			document_text(json_array_get(runs, i), "id"));
	}
	assert_string_equal(ids, expected);
	json_decref(runs);
}

static void runs_come_in_the_order_of_a_value_and_what_is_not_known_last(void **state) {
	(void)state;

	check_order("L0", 0, "daefcb");
	check_order("-l0", 0, "faedcb");
	check_order("config.kind", 0, "ecbafd");
	check_order("-config.kind", 0, "ceafbd");
	check_order("id", 0, "abcdef");
}

static void a_limit_takes_the_first(void **state) {
	(void)state;

	check_order("l0", 2, "da");
	check_order(NULL, 3, "abc");
	check_order(NULL, 100, "abcdef");
}

static void an_order_by_what_there_is_not_is_refused(void **state) {
	struct run_order order = {0};
	(void)state;

	assert_false(run_order_parse(&order, "loss"));
	assert_false(run_order_parse(&order, "-"));
	assert_false(run_order_parse(&order, "--l0"));
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_has_the_name_that_it_has_everywhere),
		cmocka_unit_test(scripts_get_a_time_as_the_document_has_it),
		cmocka_unit_test(a_name_that_no_run_can_have_is_not_found),
		cmocka_unit_test(runs_come_in_the_order_of_a_value_and_what_is_not_known_last),
		cmocka_unit_test(a_limit_takes_the_first),
		cmocka_unit_test(an_order_by_what_there_is_not_is_refused),
	};

	setenv("TZ", "UTC", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("run_order", tests, NULL, NULL);
}

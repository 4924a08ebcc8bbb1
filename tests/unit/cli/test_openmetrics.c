/* The status document as metrics. */
#include "openmetrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "screen.h"

static void check(const char *document_name, const char *screen) {
	const struct openmetrics_options options = {.now_s = SCREEN_NOW};
	json_t *document = screen_document(document_name);
	struct buf out = {0};

	assert_int_equal(openmetrics_write(&out, document, &options), 0);
	screen_check(buf_text(&out), screen);
	buf_finish(&out);
	json_decref(document);
}

static void what_is_known_is_shown_and_nothing_else(void **state) {
	(void)state;
	check("troubled_run", "troubled_run.openmetrics");
	check("bare_run", "bare_run.openmetrics");
	check("no_runs", "no_runs.openmetrics");
}

/* ---- which runs ---- */

static json_t *with_runs(size_t n, const char *state, const char *last_seen) {
	json_t *document = json_pack("{s:[]}", "runs");
	char id[16];

	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "run%zu", i);
		json_array_append_new(json_object_get(document, "runs"),
			json_pack("{s:s, s:s, s:s, s:i}", "id", id, "state", state, "last_seen",
				last_seen, "step", 7));
	}
	return document;
}

static bool shows(json_t *document, double now_s, bool all, const char *line) {
	const struct openmetrics_options options = {.now_s = now_s, .all = all};
	struct buf out = {0};

	assert_int_equal(openmetrics_write(&out, document, &options), 0);
	bool found = strstr(buf_text(&out), line) != NULL;
	buf_finish(&out);
	return found;
}

#define SEEN   "1970-01-01T10:00:00.000Z"
#define SEEN_S 36000.0

static void a_run_that_is_over_is_left_out_after_an_hour(void **state) {
	static const char line[] = "\nsae_run_step{run=\"run0\"} 7\n";
	json_t *over = with_runs(1, "crashed", SEEN), *goes_on = with_runs(1, "stalled", SEEN);
	(void)state;

	assert_true(shows(over, SEEN_S + OPENMETRICS_OVER_S, false, line));
	assert_false(shows(over, SEEN_S + OPENMETRICS_OVER_S + 1, false, line));
	assert_true(shows(over, SEEN_S + OPENMETRICS_OVER_S + 1, false, "\nsae_runs_left_out 1\n"));
	assert_true(shows(over, SEEN_S + OPENMETRICS_OVER_S + 1, true, line));
	assert_true(shows(goes_on, SEEN_S + 1e6, false, line));
	json_decref(over);
	json_decref(goes_on);
}

static void runs_are_never_more_than_a_collector_can_keep(void **state) {
	json_t *document = with_runs(OPENMETRICS_RUNS_MAX + 2, "running", SEEN);
	(void)state;

	assert_true(shows(document, SEEN_S, false, "sae_run_step{run=\"run499\"} 7"));
	assert_false(shows(document, SEEN_S, false, "sae_run_step{run=\"run500\"} 7"));
	assert_true(shows(document, SEEN_S, false, "\nsae_runs_left_out 2\n"));
	assert_true(shows(document, SEEN_S, true, "sae_run_step{run=\"run501\"} 7"));
	json_decref(document);
}

/* ---- the text ---- */

static void check_sample(const struct exposition_label *label, double value, const char *expected) {
	const struct exposition_family family = {.name = "sae_x", .help = "It."};
	struct buf out = {0};
	struct exposition x = {.out = &out};

	exposition_begin(&x, &family);
	exposition_sample(&x, label, label != NULL, value);
	assert_int_equal(x.err, 0);
	assert_string_equal(strstr(buf_text(&out), "gauge\n") + strlen("gauge\n"), expected);
	buf_finish(&out);
}

static void numbers_are_written_as_prometheus_reads_them(void **state) {
	(void)state;
	check_sample(NULL, 41213, "sae_x 41213\n");
	check_sample(NULL, 0.1, "sae_x 0.1\n");
	check_sample(NULL, -0.5, "sae_x -0.5\n");
	check_sample(NULL, 10.02, "sae_x 10.02\n");
	check_sample(NULL, 1e300, "sae_x 1e+300\n");
	check_sample(NULL, NAN, "sae_x NaN\n");
	check_sample(NULL, INFINITY, "sae_x +Inf\n");
	check_sample(NULL, -INFINITY, "sae_x -Inf\n");
}

static void no_label_leaves_its_quotes(void **state) {
	(void)state;
	check_sample(&(struct exposition_label){"name", "a\"b\\c\nd"}, 1,
		"sae_x{name=\"a\\\"b\\\\c\\nd\"} 1\n");
	check_sample(&(struct exposition_label){"name", "\n"}, 1, "sae_x{name=\"\\n\"} 1\n");
	check_sample(&(struct exposition_label){"name", ""}, 1, "sae_x 1\n");
	check_sample(&(struct exposition_label){"name", NULL}, 1, "sae_x 1\n");
}

static void a_family_without_a_sample_is_not_written(void **state) {
	const struct exposition_family empty = {.name = "sae_x", .help = "It."};
	const struct exposition_family counter = {
		.name = "sae_y_bytes_total", .help = "Them.", .unit = "bytes"};
	struct buf out = {0};
	struct exposition x = {.out = &out};
	(void)state;

	exposition_begin(&x, &empty);
	exposition_begin(&x, &counter);
	exposition_sample(&x, NULL, 0, 1);
	exposition_sample(&x, &(struct exposition_label){"run", "a"}, 1, 2);
	exposition_end(&x);
	assert_string_equal(buf_text(&out),
		"# HELP sae_y_bytes_total Them.\n# TYPE sae_y_bytes_total counter\n# UNIT "
		"sae_y_bytes_total bytes\nsae_y_bytes_total 1\nsae_y_bytes_total{run=\"a\"} 2\n# "
		"EOF\n");
	buf_finish(&out);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_shown_and_nothing_else),
		cmocka_unit_test(a_run_that_is_over_is_left_out_after_an_hour),
		cmocka_unit_test(runs_are_never_more_than_a_collector_can_keep),
		cmocka_unit_test(numbers_are_written_as_prometheus_reads_them),
		cmocka_unit_test(no_label_leaves_its_quotes),
		cmocka_unit_test(a_family_without_a_sample_is_not_written),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What W&B is given of a line. */
#include "wandb_line.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "summary.h"

static struct line_entry entry(const char *key, enum line_source source, double number) {
	return (struct line_entry){key, source, {.kind = VALUE_FLOAT, .number = number}};
}

static uint32_t write(struct buf *out, struct line_entry *entries, uint32_t n, bool with_ours) {
	struct change_line line = {.step = 7,
		.time = 1790000000.25,
		.elapsed_s = 12.5,
		.entries = entries,
		.n_entries = n};
	uint32_t n_keys = 99;
	buf_clear(out);
	assert_int_equal(wandb_line_write(out, &line, with_ours, &n_keys), 0);
	return n_keys;
}

static void a_line_is_one_object_with_the_trainers_clock(void **state) {
	(void)state;
	struct buf out = {0};
	struct line_entry entries[] = {entry("losses/mse_loss", LINE_METRICS, 0.1),
		{"name", LINE_LOG, {.kind = VALUE_TEXT, .text = text_of("a\"b", 3)}},
		{"n", LINE_LOG, {.kind = VALUE_INT, .integer = 1ll << 60}}};
	assert_int_equal(write(&out, entries, 3, true), 3);
	assert_string_equal(buf_text(&out),
		"{\"losses/mse_loss\":0.1,\"name\":\"a\\\"b\",\"n\":1152921504606846976,"
		"\"_step\":7,\"_runtime\":12.5,\"_timestamp\":1790000000.25}");
	buf_finish(&out);
}

static void what_is_not_finite_stands_bare(void **state) {
	(void)state;
	struct buf out = {0};
	struct line_entry entries[] = {entry("a", LINE_LOG, NAN), entry("b", LINE_LOG, INFINITY),
		entry("c", LINE_LOG, -INFINITY)};
	write(&out, entries, 3, true);
	assert_non_null(strstr(buf_text(&out), "{\"a\":NaN,\"b\":Infinity,\"c\":-Infinity,"));
	buf_finish(&out);
}

static void a_histogram_is_wandbs(void **state) {
	(void)state;
	struct buf out = {0};
	static const double counts[] = {3, 0}, edges[] = {-1, 0, 0.5};
	struct line_entry entries[] = {
		{"h", LINE_SPARSITY, {.kind = VALUE_HISTOGRAM, .histogram = {2, counts, edges}}}};
	write(&out, entries, 1, true);
	assert_non_null(strstr(buf_text(&out),
		"\"h\":{\"_type\":\"histogram\",\"values\":[3,0],\"bins\":[-1,0,0.5]}"));
	buf_finish(&out);
}

static void our_own_metrics_can_be_left_out(void **state) {
	(void)state;
	struct buf out = {0};
	struct line_entry entries[] = {
		entry("theirs", LINE_METRICS, 1), entry("ours", LINE_OURS, 2)};
	assert_int_equal(write(&out, entries, 2, false), 1);
	assert_null(strstr(buf_text(&out), "ours"));
	assert_int_equal(write(&out, entries + 1, 1, false), 0);
	buf_finish(&out);
}

static void wandbs_own_keys_are_not_the_trainers(void **state) {
	(void)state;
	struct buf out = {0};
	struct line_entry entries[] = {entry("_step", LINE_LOG, 3), entry("a", LINE_LOG, 1)};
	assert_int_equal(write(&out, entries, 2, true), 1);
	assert_string_equal(buf_text(&out),
		"{\"a\":1,\"_step\":7,\"_runtime\":12.5,\"_timestamp\":1790000000.25}");
	buf_finish(&out);
}

static void a_run_takes_its_time_to_its_end_or_to_its_newest_line(void **state) {
	(void)state;
	static const struct {
		struct wandb_span span;
		double expected_s;
	} cases[] = {
		{{.started = 1000, .has_line = true, .time = 1300, .elapsed_s = 200}, 200},
		{{.started = 1000, .ended = 1310, .has_line = true, .time = 1300, .elapsed_s = 200},
			210},
		{{.started = 1000, .ended = 1290, .has_line = true, .time = 1300, .elapsed_s = 200},
			200},
		{{.started = 1000, .ended = 1007.5}, 7.5},
		{{.started = 1000}, 0},
		{{.started = 1000, .has_line = true, .time = 1300, .elapsed_s = -5}, 0},
		{{.started = 1000, .has_line = true, .time = 1300, .elapsed_s = NAN}, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(wandb_span_s(&cases[i].span) == cases[i].expected_s);
	}
}

static void a_stand_in_has_the_reserved_keys_alone(void **state) {
	(void)state;
	struct buf out = {0};
	assert_int_equal(wandb_line_write_empty(&out, 3, 2, 1), 0);
	assert_string_equal(buf_text(&out), "{\"_step\":3,\"_runtime\":1,\"_timestamp\":2}");
	buf_finish(&out);
}

static void a_summary_for_wandb_has_bare_tokens_and_may_be_without_ours(void **state) {
	(void)state;
	struct summary s = {0};
	struct buf out = {0};
	struct value nan = {.kind = VALUE_FLOAT, .number = NAN};
	struct value word = {.kind = VALUE_TEXT, .text = text_of("NaN", 3)};
	assert_int_equal(summary_set(&s, "a", &nan, false), 0);
	assert_int_equal(summary_set(&s, "b", &nan, true), 0);
	assert_int_equal(summary_set(&s, "c", &word, false), 0);
	assert_int_equal(summary_write_bare(&s, false, &out), 0);
	assert_string_equal(buf_text(&out), "{\"a\":NaN,\"c\":\"NaN\"}");
	buf_clear(&out);
	assert_int_equal(summary_write_bare(&s, true, &out), 0);
	assert_string_equal(buf_text(&out), "{\"a\":NaN,\"b\":NaN,\"c\":\"NaN\"}");
	buf_clear(&out);
	assert_int_equal(summary_write(&s, &out), 0);
	assert_string_equal(buf_text(&out), "{\"a\":\"NaN\",\"b\":\"NaN\",\"c\":\"NaN\"}");
	buf_finish(&out);
	summary_finish(&s);
}

static void wandbs_own_keys_are_left_out_of_a_summary_for_it(void **state) {
	(void)state;
	static const char *const keys[] = {"_step", "_runtime", "_timestamp", "_wandb", "_other"};
	struct summary s = {0};
	struct buf out = {0};
	struct value seven = {.kind = VALUE_INT, .integer = 7};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		assert_int_equal(summary_set(&s, keys[i], &seven, false), 0);
	}
	assert_int_equal(summary_write_bare(&s, true, &out), 0);
	assert_string_equal(buf_text(&out), "{\"_other\":7}");
	buf_finish(&out);
	summary_finish(&s);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_object_with_the_trainers_clock),
		cmocka_unit_test(what_is_not_finite_stands_bare),
		cmocka_unit_test(a_histogram_is_wandbs),
		cmocka_unit_test(our_own_metrics_can_be_left_out),
		cmocka_unit_test(wandbs_own_keys_are_not_the_trainers),
		cmocka_unit_test(a_run_takes_its_time_to_its_end_or_to_its_newest_line),
		cmocka_unit_test(a_stand_in_has_the_reserved_keys_alone),
		cmocka_unit_test(a_summary_for_wandb_has_bare_tokens_and_may_be_without_ours),
		cmocka_unit_test(wandbs_own_keys_are_left_out_of_a_summary_for_it),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

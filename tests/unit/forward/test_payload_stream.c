#include "payload.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* lines: NULL or what stands between the beginning and the rest. */
static void assert_body_of(int64_t offset, const char *lines, const struct payload_stream *stream,
	const char *expected) {
	struct buf out = {0};

	if (lines != NULL) {
		assert_int_equal(payload_stream_begin(&out, offset), 0);
		assert_int_equal(buf_append(&out, lines, strlen(lines)), 0);
	}
	assert_int_equal(payload_stream(&out, stream), 0);
	assert_string_equal(buf_text(&out), expected);
	json_t *body = json_loads(buf_text(&out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(body);
	json_decref(body);
	buf_finish(&out);
}

static void assert_body(const struct payload_stream *stream, const char *expected) {
	assert_body_of(0, NULL, stream, expected);
}

static void with_nothing_to_say_it_is_a_heartbeat(void **state) {
	(void)state;
	/* The exit code of nothing is nothing. */
	assert_body(&(struct payload_stream){.exit_code = 1}, "{}");
}

static void lines_are_passed_on_as_they_were_kept(void **state) {
	(void)state;
	assert_body_of(3, "\"{\\\"_step\\\":3,\\\"x\\\":NaN}\",\"{\\\"_step\\\":4}\"",
		&(struct payload_stream){.lines = true},
		"{\"files\":{\"wandb-history.jsonl\":{\"offset\":3,\"content\":["
		"\"{\\\"_step\\\":3,\\\"x\\\":NaN}\",\"{\\\"_step\\\":4}\"]}}}");
}

static void an_offset_may_be_as_large_as_a_run_is_long(void **state) {
	(void)state;
	assert_body_of(INT64_MAX, "\"{}\"", &(struct payload_stream){.lines = true},
		"{\"files\":{\"wandb-history.jsonl\":{\"offset\":9223372036854775807,"
		"\"content\":[\"{}\"]}}}");
}

static void the_summary_is_the_first_line_of_its_file_each_time(void **state) {
	(void)state;
	assert_body(
		&(struct payload_stream){
			.summary = "{\"a\":NaN,\"t\":\"x\\\"\",\"u\":\"\xc3\xa9\"}"},
		"{\"files\":{\"wandb-summary.json\":{\"offset\":0,\"content\":["
		"\"{\\\"a\\\":NaN,\\\"t\\\":\\\"x\\\\\\\"\\\",\\\"u\\\":\\\"\xc3\xa9\\\"}\"]}}}");
}

static void the_last_one_carries_the_rest_and_the_exit_code(void **state) {
	(void)state;
	assert_body_of(2, "\"{}\"",
		&(struct payload_stream){
			.lines = true, .summary = "{}", .complete = true, .exit_code = 1},
		"{\"files\":{\"wandb-history.jsonl\":{\"offset\":2,\"content\":[\"{}\"]},"
		"\"wandb-summary.json\":{\"offset\":0,\"content\":[\"{}\"]}},"
		"\"complete\":true,\"exitcode\":1}");
}

static void an_end_may_come_alone(void **state) {
	(void)state;
	assert_body(
		&(struct payload_stream){.complete = true}, "{\"complete\":true,\"exitcode\":0}");
	assert_body(&(struct payload_stream){.complete = true, .exit_code = INT32_MIN},
		"{\"complete\":true,\"exitcode\":-2147483648}");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_nothing_to_say_it_is_a_heartbeat),
		cmocka_unit_test(lines_are_passed_on_as_they_were_kept),
		cmocka_unit_test(an_offset_may_be_as_large_as_a_run_is_long),
		cmocka_unit_test(the_summary_is_the_first_line_of_its_file_each_time),
		cmocka_unit_test(the_last_one_carries_the_rest_and_the_exit_code),
		cmocka_unit_test(an_end_may_come_alone),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

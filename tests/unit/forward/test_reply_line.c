#include "reply_line.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static bool read_exactly(const char *line, size_t len, struct reply_line *ret) {
	char *exact = malloc(len + (len == 0));

	assert_non_null(exact);
	memcpy(exact, line, len);
	bool read = reply_line_read(text_of(exact, len), ret);
	free(exact);
	return read;
}

static struct reply_line read_line(const char *line) {
	struct reply_line read = {0};

	if (!read_exactly(line, strlen(line), &read)) {
		fail_msg("not read: %s", line);
	}
	return read;
}

static void numbers_that_are_none_hide_nothing(void **state) {
	(void)state;
	struct reply_line line =
		read_line(" {\"a\":NaN,\"b\": -Infinity ,\"c\":[NaN,{\"d\":Infinity}],"
			  "\"_step\": 12 ,\"_timestamp\":1.5e9} ");

	assert_true(line.has_step);
	assert_int_equal(line.step, 12);
	assert_true(line.has_timestamp);
	assert_true(line.timestamp == 1.5e9);
}

static void a_step_is_a_whole_number_however_it_is_written(void **state) {
	static const struct {
		const char *line;
		int64_t step;
	} cases[] = {
		{"{\"_step\":0}", 0},
		{"{\"_step\":3.0}", 3},
		{"{\"_step\":1e3}", 1000},
		{"{\"_step\":-1}", -1},
		{"{\"_step\":9223372036854775807}", INT64_MAX},
		{"{\"_step\":-9223372036854775808}", INT64_MIN},
		{"{\"_step\":9007199254740993}", 9007199254740993},
		{"{\"_step\":1,\"_step\":2}", 2},
	};
	(void)state;

	for (size_t i = 0; i < N(cases); i++) {
		struct reply_line line = read_line(cases[i].line);
		assert_true(line.has_step);
		assert_int_equal(line.step, cases[i].step);
	}
}

static void a_step_that_is_no_whole_number_is_not_said(void **state) {
	static const char *const lines[] = {
		"{}",
		"{\"step\":3}",
		"{\"_step\":3.5}",
		"{\"_step\":NaN}",
		"{\"_step\":Infinity}",
		"{\"_step\":null}",
		"{\"_step\":true}",
		"{\"_step\":\"3\"}",
		"{\"_step\":[3]}",
		"{\"_step\":{\"_step\":3}}",
		"{\"_step\":9223372036854775808}",
		"{\"_step\":9223372036854775808.0}",
		"{\"_step\":-1e19}",
		"{\"_step\":1e999}",
		"{\"_step\":--3}",
		"{\"_step\":0x10}",
		"{\"_step\":00000000000000000000000000000000000000000000000000000000000000000003}",
		"{\"a\":{\"_step\":3}}",
		"{\"a\":[{\"_step\":3}]}",
		"{\"a\":\",\\\"_step\\\":3\"}",
		"{\"a\":\"_step\",\"b\":3}",
		"{\"_step\":1,\"_step\":null}",
	};
	(void)state;

	for (size_t i = 0; i < N(lines); i++) {
		struct reply_line line = read_line(lines[i]);
		if (line.has_step) {
			fail_msg("%s has no step", lines[i]);
		}
	}
}

static void a_timestamp_is_finite(void **state) {
	(void)state;
	assert_false(read_line("{\"_timestamp\":NaN}").has_timestamp);
	assert_false(read_line("{\"_timestamp\":1e999}").has_timestamp);
	assert_false(read_line("{\"_timestamp\":\"now\"}").has_timestamp);
	assert_true(read_line("{\"_timestamp\":-0.25}").timestamp == -0.25);
}

static void what_is_no_object_is_not_read(void **state) {
	static const char *const lines[] = {"", " ", "7", "null", "[]", "\"{}\"", "{", "{]", "{}}",
		"{} {}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 2}", "{a:1}",
		"{\"a\":}", "{\"a\":,}", "{\"a\":[}", "{\"a\":[1", "{\"a\":\"x}", "{\"a\":\"x\\",
		"{\"a\":?}"};
	(void)state;

	for (size_t i = 0; i < N(lines); i++) {
		struct reply_line line = {.step = 77};
		assert_false(read_exactly(lines[i], strlen(lines[i]), &line));
		assert_int_equal(line.step, 77);
	}
}

static void a_line_cut_short_anywhere_is_not_read(void **state) {
	static const char line[] =
		"{\"a\\\"b\":[1,{\"c\":\"d\\\\\"}],\"_step\":12,\"e\":NaN,\"_timestamp\":-1.5e+3}";
	struct reply_line read;
	(void)state;

	assert_true(read_exactly(line, strlen(line), &read));
	for (size_t len = 0; len < strlen(line); len++) {
		assert_false(read_exactly(line, len, &read));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_are_none_hide_nothing),
		cmocka_unit_test(a_step_is_a_whole_number_however_it_is_written),
		cmocka_unit_test(a_step_that_is_no_whole_number_is_not_said),
		cmocka_unit_test(a_timestamp_is_finite),
		cmocka_unit_test(what_is_no_object_is_not_read),
		cmocka_unit_test(a_line_cut_short_anywhere_is_not_read),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* JSON that is written. */
#include "jsontext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *text_written(struct buf *out, const char *text, size_t len) {
	buf_clear(out);
	assert_int_equal(json_write_text(out, text_of(text, len)), 0);
	return buf_text(out);
}

static void what_json_does_not_take_is_escaped_and_nothing_else(void **state) {
	(void)state;
	struct buf out = {0};
	for (int c = 0; c < 256; c++) {
		const char text[3] = {'a', (char)c, 'z'};
		char expected[16];
		bool short_form = c == '"' || c == '\\', long_form = c < 0x20 || c == 0x7f;
		snprintf(expected, sizeof expected, short_form ? "\"a\\%cz\"" : "\"a%cz\"", c);
		if (long_form) {
			snprintf(expected, sizeof expected, "\"a\\u%04xz\"", c);
		}
		assert_string_equal(text_written(&out, text, 3), expected);
	}
	buf_finish(&out);
}

static void a_text_of_quotes_alone_finds_room(void **state) {
	(void)state;
	static char quotes[5000], controls[5000];
	struct buf out = {0};
	memset(quotes, '"', sizeof quotes);
	memset(controls, 1, sizeof controls);
	assert_int_equal(strlen(text_written(&out, quotes, sizeof quotes)), 2 * sizeof quotes + 2);
	buf_finish(&out);
	assert_int_equal(
		strlen(text_written(&out, controls, sizeof controls)), 6 * sizeof controls + 2);
	buf_finish(&out);
}

static void a_text_goes_behind_what_is_there(void **state) {
	(void)state;
	struct buf out = {0};
	assert_int_equal(json_write_text(&out, text_of("", 0)), 0);
	assert_int_equal(json_write_text(&out, text_of("{\"a\":1}", 7)), 0);
	assert_string_equal(buf_text(&out), "\"\"\"{\\\"a\\\":1}\"");
	buf_finish(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_json_does_not_take_is_escaped_and_nothing_else),
		cmocka_unit_test(a_text_of_quotes_alone_finds_room),
		cmocka_unit_test(a_text_goes_behind_what_is_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

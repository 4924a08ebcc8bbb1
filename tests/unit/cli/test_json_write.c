/* JSON as `--json` and `--jsonl` print it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "json_write.h"

static const char source[] = "{\"b\":[1,2.5,null],\"a\":{\"x\":\"NaN\",\"t\":true,\"f\":false},"
			     "\"l\":[{\"v\":1e-7},{}],\"e\":[]}";

static void check(enum json_layout layout, const char *expected) {
	json_t *value = json_loads(source, 0, NULL);
	struct buf out = {0};

	assert_int_equal(json_write(&out, value, layout), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_finish(&out);
	json_decref(value);
}

static void one_line_keeps_the_members_in_order(void **state) {
	(void)state;
	check(JSON_ONE_LINE, "{\"b\":[1,2.5,null],\"a\":{\"x\":\"NaN\",\"t\":true,\"f\":false},"
			     "\"l\":[{\"v\":1e-07},{}],\"e\":[]}");
}

static void people_get_indents_and_short_lists(void **state) {
	(void)state;
	check(JSON_FOR_PEOPLE, "{\n"
			       "  \"b\": [1, 2.5, null],\n"
			       "  \"a\": {\n"
			       "    \"x\": \"NaN\",\n"
			       "    \"t\": true,\n"
			       "    \"f\": false\n"
			       "  },\n"
			       "  \"l\": [\n"
			       "    {\n"
			       "      \"v\": 1e-07\n"
			       "    },\n"
			       "    {}\n"
			       "  ],\n"
			       "  \"e\": []\n"
			       "}");
}

static void a_double_reads_back_as_the_same_and_not_longer_than_it_must(void **state) {
	static const double values[] = {
		0.1, 0.021304, 1.0 / 3, 4096, 5e-324, 1.7976931348623157e308};
	(void)state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		json_t *value = json_real(values[i]);
		struct buf out = {0};
		assert_int_equal(json_write(&out, value, JSON_ONE_LINE), 0);
		json_t *back = json_loads(buf_text(&out), JSON_DECODE_ANY, NULL);
		assert_true(json_real_value(back) == values[i]);
		if (i == 1) {
			assert_string_equal(buf_text(&out), "0.021304");
		}
		json_decref(back);
		json_decref(value);
		buf_finish(&out);
	}
}

static void text_is_escaped(void **state) {
	json_t *value = json_string("a\"b\\c\n\x01 ü");
	struct buf out = {0};
	(void)state;

	assert_int_equal(json_write(&out, value, JSON_ONE_LINE), 0);
	json_t *back = json_loads(buf_text(&out), JSON_DECODE_ANY, NULL);
	assert_string_equal(json_string_value(back), "a\"b\\c\n\x01 ü");
	json_decref(back);
	json_decref(value);
	buf_finish(&out);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_keeps_the_members_in_order),
		cmocka_unit_test(people_get_indents_and_short_lists),
		cmocka_unit_test(a_double_reads_back_as_the_same_and_not_longer_than_it_must),
		cmocka_unit_test(text_is_escaped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}

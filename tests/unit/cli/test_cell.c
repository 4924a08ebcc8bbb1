/* A value as CSV, which a spreadsheet shall not execute, and as JSON. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cell.h"

static struct cell text(const char *bytes) {
	return (struct cell){.kind = CELL_TEXT, .bytes = bytes, .len = strlen(bytes)};
}

static void expect_csv(struct cell c, const char *expected) {
	struct buf out = {0};

	assert_int_equal(cell_put_csv(&out, &c), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_finish(&out);
}

static void expect_json(struct cell c, const char *expected) {
	struct buf out = {0};

	assert_int_equal(cell_put_json(&out, &c), 0);
	assert_string_equal(buf_text(&out), expected);
	buf_finish(&out);
}

static void what_begins_like_a_formula_is_a_text_in_a_spreadsheet(void **state) {
	(void)state;
	expect_csv(text("=1+1"), "\"'=1+1\"");
	expect_csv(text("+1"), "\"'+1\"");
	expect_csv(text("-1"), "\"'-1\"");
	expect_csv(text("@SUM(A1)"), "\"'@SUM(A1)\"");
	expect_csv(text("\t=1"), "\"'\t'=1\"");
	expect_csv(text("\r=1"), "\"'\r'=1\"");
	expect_csv(text(" =1"), "\"' =1\"");
	expect_csv(text("\"=1\""), "\"'\"\"=1\"\"\"");
	expect_csv(text("'=1"), "\"''=1\"");
	expect_csv(text("\n\n=1"), "\"\n\n'=1\"");
	expect_csv(text("\x01\x1f=1"), "\"'\x01\x1f=1\"");
	expect_csv(text("\u00a0\u3000\ufeff=1"), "\"'\u00a0\u3000\ufeff=1\"");
	expect_csv(text("\uff1d1"), "\"'\uff1d1\"");
	expect_csv(text("\uff0b1"), "\"'\uff0b1\"");
	expect_csv(text("\uff0d1"), "\"'\uff0d1\"");
	expect_csv(text("\uff20A1"), "\"'\uff20A1\"");
	expect_csv(text("\uff1e1"), "\uff1e1");
}

/* Where numbers have a comma cells end at a semicolon, whatever quotes are around. */
static void so_is_what_another_separator_would_make_one(void **state) {
	(void)state;
	expect_csv(text("a;=1"), "\"a;'=1\"");
	expect_csv(text("a\t@x"), "\"a\t'@x\"");
	expect_csv(text("a\n\"=1"), "\"a\n'\"\"=1\"");
	expect_csv(text("a\r\n-1"), "\"a\r\n'-1\"");
	expect_csv(text("a=1, b=2"), "\"a=1, b=2\"");
	expect_csv(text("a-b"), "a-b");
}

static void numbers_are_no_texts(void **state) {
	(void)state;
	expect_csv(
		(struct cell){.kind = CELL_INTEGER, .integer = INT64_MIN}, "-9223372036854775808");
	expect_csv((struct cell){.kind = CELL_REAL, .real = -0.1}, "-0.1");
	expect_csv((struct cell){.kind = CELL_REAL, .real = -INFINITY}, "-Infinity");
	expect_csv((struct cell){.kind = CELL_REAL, .real = INFINITY}, "Infinity");
	expect_csv((struct cell){.kind = CELL_REAL, .real = NAN}, "NaN");
	expect_json((struct cell){.kind = CELL_REAL, .real = -INFINITY}, "\"-Infinity\"");
	expect_json((struct cell){.kind = CELL_REAL, .real = NAN}, "\"NaN\"");
}

static void a_missing_value_is_not_an_empty_text(void **state) {
	(void)state;
	expect_csv((struct cell){0}, "");
	expect_csv(text(""), "\"\"");
	expect_csv((struct cell){.kind = CELL_BLOB, .bytes = "", .len = 0}, "\"\"");
	expect_json((struct cell){0}, "null");
	expect_json(text(""), "\"\"");
}

static void a_field_is_quoted_where_it_must(void **state) {
	(void)state;
	expect_csv(text("a,b"), "\"a,b\"");
	expect_csv(text("a\"b"), "\"a\"\"b\"");
	expect_csv(text("a\nb"), "\"a\nb\"");
	expect_csv(text(" a"), "\" a\"");
	expect_csv(text("a b ü"), "a b ü");
}

static void a_time_is_in_utc_to_the_microsecond(void **state) {
	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	expect_csv((struct cell){.kind = CELL_TIME, .real = 1.7e9 + 0.25},
		"2023-11-14T22:13:20.250000Z");
	expect_json((struct cell){.kind = CELL_TIME, .real = 0.9999999},
		"\"1970-01-01T00:00:01.000000Z\"");
	expect_json(
		(struct cell){.kind = CELL_TIME, .real = -0.25}, "\"1969-12-31T23:59:59.750000Z\"");
	expect_csv((struct cell){.kind = CELL_TIME, .real = 1e300}, "1e+300");
}

static void what_is_no_utf8_is_still_strict_json(void **state) {
	static const char *const broken[] = {
		"\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "\xe2\x82"};
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		char around[16];
		struct buf out = {0};
		snprintf(around, sizeof around, "a%s.", broken[i]);
		struct cell c = text(around);
		assert_int_equal(cell_put_json(&out, &c), 0);
		json_t *value = json_loads(buf_text(&out), JSON_DECODE_ANY, NULL);
		const char *back = json_string_value(value);
		assert_non_null(back);
		assert_memory_equal(back, "a\xef\xbf\xbd", 4);
		assert_int_equal(back[strlen(back) - 1], '.');
		json_decref(value);
		buf_finish(&out);
	}
	expect_json(text("ü€😀"), "\"ü€😀\"");
	expect_json((struct cell){.kind = CELL_TEXT, .bytes = "a\0b", .len = 3}, "\"a\\u0000b\"");
}

static void json_stands_as_it_is_and_what_is_none_is_a_text(void **state) {
	struct cell list = text("[1, 2]"), none = text("{1}"), lines = text("[1,\n2]");
	(void)state;
	list.kind = none.kind = lines.kind = CELL_JSON;
	expect_json(list, "[1, 2]");
	expect_json(none, "\"{1}\"");
	expect_json(lines, "\"[1,\\u000a2]\"");
	expect_csv(list, "\"[1, 2]\"");
}

static void what_a_daemon_hands_out_is_what_it_was(void **state) {
	json_t *row = json_loads(
		"[1, 0.5, null, \"x\", {\"real\":\"-Infinity\"}, {\"blob\":\"00ff\"}]", 0, NULL);
	static const char *const expected[] = {
		"1", "0.5", "null", "\"x\"", "\"-Infinity\"", "\"00ff\""};
	(void)state;
	for (size_t i = 0; i < json_array_size(row); i++) {
		expect_json(cell_of_json(json_array_get(row, i)), expected[i]);
	}
	json_decref(row);
}

static void a_blob_is_in_hexadecimal(void **state) {
	const struct cell blob = {.kind = CELL_BLOB, .bytes = "\x00\xff", .len = 2};
	(void)state;
	expect_csv(blob, "00ff");
	expect_json(blob, "\"00ff\"");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_begins_like_a_formula_is_a_text_in_a_spreadsheet),
		cmocka_unit_test(so_is_what_another_separator_would_make_one),
		cmocka_unit_test(numbers_are_no_texts),
		cmocka_unit_test(a_missing_value_is_not_an_empty_text),
		cmocka_unit_test(a_field_is_quoted_where_it_must),
		cmocka_unit_test(a_time_is_in_utc_to_the_microsecond),
		cmocka_unit_test(what_is_no_utf8_is_still_strict_json),
		cmocka_unit_test(json_stands_as_it_is_and_what_is_none_is_a_text),
		cmocka_unit_test(what_a_daemon_hands_out_is_what_it_was),
		cmocka_unit_test(a_blob_is_in_hexadecimal),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cell", tests, NULL, NULL);
}

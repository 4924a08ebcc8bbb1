/* JSON that somebody else wrote. */
#include "json_members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct text lit(const char *text) {
	return text_of(text, strlen(text));
}

static void assert_member(
	const char *object, size_t *at, const char *want_key, const char *want_value) {
	struct text key, value;

	assert_true(json_next_member(lit(object), at, &key, &value));
	assert_int_equal(key.len, strlen(want_key));
	assert_memory_equal(key.data, want_key, key.len);
	assert_int_equal(value.len, strlen(want_value));
	assert_memory_equal(value.data, want_value, value.len);
}

static void what_is_one_object_is_taken(void **state) {
	(void)state;
	static const char *const objects[] = {"{}", " {\n} ", "{\"a\":1}",
		"{\"a\":[{},[],\"]}\",null],\"b\":{\"c\":-0.5e+10}}", "{\"\\u00e9\\n\":true}",
		"{\"a\":0,\"b\":10,\"c\":1E3}"};

	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
		assert_true(json_is_object(lit(objects[i])));
	}
}

static void what_is_none_or_more_than_one_is_not(void **state) {
	(void)state;
	static const char *const others[] = {"", " ", "[]", "1", "null", "\"{}\"", "{}{}", "{} x",
		"{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{\"a\":1 \"b\":2}",
		"{\"a\":[1}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":+1}",
		"{\"a\":NaN}", "{\"a\":tru}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}", "{\"a\":\"\\u12", "{\"a\":\"b}"};

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		if (json_is_object(lit(others[i]))) {
			fail_msg("%s was taken for an object", others[i]);
		}
	}
}

/* {"a":[[…]]} with so many brackets open at once. */
static bool nested_is_object(size_t depth) {
	char text[512] = "{\"a\":";
	size_t len = strlen(text);

	memset(text + len, '[', depth - 1);
	memset(text + len + depth - 1, ']', depth - 1);
	text[len + 2 * (depth - 1)] = '}';
	return json_is_object(text_of(text, len + 2 * (depth - 1) + 1));
}

static void an_object_is_nested_no_deeper_than_64(void **state) {
	(void)state;
	assert_true(nested_is_object(64));
	assert_false(nested_is_object(65));
}

static void members_come_in_their_order_and_as_they_stand(void **state) {
	(void)state;
	const char *object = " { \"a\" : [1, 2] , \"b\\\"c\":{\"d\":\"}\"},\"\":null } ";
	struct text key, value;
	size_t at = 0;

	assert_member(object, &at, "a", "[1, 2]");
	assert_member(object, &at, "b\\\"c", "{\"d\":\"}\"}");
	assert_member(object, &at, "", "null");
	assert_false(json_next_member(lit(object), &at, &key, &value));
	at = 0;
	assert_false(json_next_member(lit("{ }"), &at, &key, &value));
}

static void assert_plain(const char *key, const char *want) {
	char *plain = json_unescape(lit(key));

	assert_non_null(plain);
	assert_string_equal(plain, want);
	free(plain);
}

static void escapes_become_what_they_stand_for(void **state) {
	(void)state;
	assert_plain("plain", "plain");
	assert_plain("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
	assert_plain(
		"\\u0041\\u00e9\\u20AC\\ud83d\\ude00", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void half_a_pair_and_a_nul_are_replaced(void **state) {
	(void)state;
	assert_plain("\\ud83d", "\xef\xbf\xbd");
	assert_plain("\\ud83dx", "\xef\xbf\xbdx");
	assert_plain("\\ude00", "\xef\xbf\xbd");
	assert_plain("\\ud83d\\u0041", "\xef\xbf\xbd"
				       "A");
	assert_plain("a\\u0000b", "a\xef\xbf\xbd"
				  "b");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_one_object_is_taken),
		cmocka_unit_test(what_is_none_or_more_than_one_is_not),
		cmocka_unit_test(an_object_is_nested_no_deeper_than_64),
		cmocka_unit_test(members_come_in_their_order_and_as_they_stand),
		cmocka_unit_test(escapes_become_what_they_stand_for),
		cmocka_unit_test(half_a_pair_and_a_nul_are_replaced),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

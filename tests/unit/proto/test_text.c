#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *flaw_of(const char *bytes, bool is_name) {
	return text_flaw(text_of(bytes, strlen(bytes)), is_name);
}

static void text_of_every_length_of_sequence_is_accepted(void **state) {
	(void)state;
	assert_null(flaw_of("", true));
	assert_null(flaw_of("plain ASCII ~", true));
	assert_null(flaw_of("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\xb1", true));
	assert_null(
		flaw_of("\xc2\xa0 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 "
			"\xf4\x8f\xbf\xbf",
			true));
}

static void what_is_not_utf8_is_refused(void **state) {
	(void)state;
	static const char *const broken[] = {
		"\x80", "\xbf", "\xff", "\xfe",        /* no beginning of a sequence */
		"\xc3", "\xe2\x82", "\xf0\x9f\x8c",    /* cut off */
		"\xc3(", "\xe2(\xac", "\xf0\x9f(\xb1", /* no continuation */
		"\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80", "\xed\xbf\xbf",                             /* surrogates */
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80",                     /* above U+10FFFF */
	};

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		assert_string_equal(flaw_of(broken[i], false), "is not UTF-8");
	}
}

static void a_name_holds_nothing_a_terminal_would_obey(void **state) {
	(void)state;
	static const char *const controls[] = {
		"\x1b[2J", "a\nb", "\t", "\x7f", "\xc2\x9b", "\xc2\x80", "\x01"};

	for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
		assert_string_equal(flaw_of(controls[i], true), "holds a control character");
		assert_null(flaw_of(controls[i], false));
	}
}

static void no_text_holds_a_nul(void **state) {
	(void)state;
	assert_string_equal(text_flaw(text_of("a\0b", 3), false), "holds a NUL");
	assert_string_equal(text_flaw(text_of("a\0b", 3), true), "holds a NUL");
}

static void a_quote_is_printable_ascii_and_short_whatever_it_quotes(void **state) {
	(void)state;
	char out[TEXT_QUOTE_SIZE];
	char longest[200];

	assert_string_equal(text_quote(text_of("a\x1b\xc3\xbc\0b", 6), out), "a????b");
	assert_string_equal(text_quote(text_of("", 0), out), "");
	memset(longest, 'x', sizeof longest);
	assert_int_equal(strlen(text_quote(text_of(longest, 47), out)), 47);
	assert_null(strstr(out, "..."));
	assert_int_equal(strlen(text_quote(text_of(longest, 48), out)), 47);
	assert_string_equal(out + 44, "...");
}

static void texts_are_compared_by_length_and_bytes(void **state) {
	(void)state;
	assert_true(text_is(text_of("abc", 3), "abc"));
	assert_false(text_is(text_of("abc", 2), "abc"));
	assert_false(text_is(text_of("abd", 3), "abc"));
	assert_true(text_equal((struct text){0}, text_of("", 0)));
}

static void a_text_that_is_shortened_is_still_utf8(void **state) {
	(void)state;
	const struct text text = {"a\xc3\xbc\xe2\x82\xac", 6};
	static const size_t fits[] = {0, 1, 1, 3, 3, 3, 6, 6};

	for (size_t max = 0; max < sizeof fits / sizeof fits[0]; max++) {
		assert_int_equal(text_fit(text, max), fits[max]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_every_length_of_sequence_is_accepted),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(a_name_holds_nothing_a_terminal_would_obey),
		cmocka_unit_test(no_text_holds_a_nul),
		cmocka_unit_test(a_quote_is_printable_ascii_and_short_whatever_it_quotes),
		cmocka_unit_test(texts_are_compared_by_length_and_bytes),
		cmocka_unit_test(a_text_that_is_shortened_is_still_utf8),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

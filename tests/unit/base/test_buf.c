#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void what_is_appended_comes_back_in_order(void **state) {
	(void)state;
	struct buf b = {0};
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(buf_printf(&b, "%d,", i), 0);
	}
	char *text = buf_text(&b);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(strtol(text, &text, 10), i);
		assert_int_equal(*text++, ',');
	}
	assert_int_equal(*text, '\0');
	buf_finish(&b);
}

static void consuming_keeps_the_rest(void **state) {
	(void)state;
	struct buf b = {0};
	assert_int_equal(buf_append(&b, "abcdef", 6), 0);
	buf_consume(&b, 2);
	assert_string_equal(buf_text(&b), "cdef");
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	buf_finish(&b);
}

static void an_impossible_size_is_refused_and_nothing_is_lost(void **state) {
	(void)state;
	struct buf b = {0};
	assert_int_equal(buf_append(&b, "x", 1), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	assert_string_equal(buf_text(&b), "x");
	buf_finish(&b);
	buf_finish(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_comes_back_in_order),
		cmocka_unit_test(consuming_keeps_the_rest),
		cmocka_unit_test(an_impossible_size_is_refused_and_nothing_is_lost),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

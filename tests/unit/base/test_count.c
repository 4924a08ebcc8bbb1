#include "count.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t count_of(const char *text) {
	uint64_t count = 7;

	assert_int_equal(count_read(text, &count), 0);
	return count;
}

static void a_count_is_a_number_and_a_decimal_unit(void **state) {
	(void)state;

	assert_int_equal(count_of("0"), 0);
	assert_int_equal(count_of("168812544"), 168812544);
	assert_int_equal(count_of("168M"), 168000000);
	assert_int_equal(count_of("1.3G"), 1300000000);
	assert_int_equal(count_of("1.1k"), 1100);
	assert_int_equal(count_of("41K"), 41000);
	assert_int_equal(count_of("5e8"), 500000000);
	assert_int_equal(count_of("2T"), 2000000000000);
	assert_int_equal(count_of("4.096M"), 4096000);
}

static void whatever_else_it_is_is_none(void **state) {
	static const char *const words[] = {"", "M", "5 M", " 5M", "-5M", "+5M", "1.5", "0.0001k",
		"5m", "5MB", "5MiB", "5P", "0x10", "inf", "nan", "1e", "9223372036854775808",
		"1e400", "10000000T"};
	uint64_t count = 7;
	(void)state;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		assert_int_equal(count_read(words[i], &count), -EINVAL);
		assert_int_equal(count, 7);
	}
}

static void three_digits_above_it_read_back_as_no_less(void **state) {
	char out[FORMAT_MAX];
	uint32_t seed = 3;
	(void)state;

	assert_string_equal(count_write_above(out, 0), "0");
	assert_string_equal(count_write_above(out, 999), "999");
	assert_string_equal(count_write_above(out, 4096), "4.1k");
	assert_string_equal(count_write_above(out, 168812544), "169M");
	assert_string_equal(count_write_above(out, 168000000), "168M");
	assert_string_equal(count_write_above(out, 999500000), "1G");
	assert_string_equal(count_write_above(out, 1300000001), "1.31G");
	for (unsigned i = 0; i < 5000; i++) {
		seed = seed * 1664525u + 1013904223u;
		uint64_t count = ((uint64_t)seed << 20) >> (i % 50);
		uint64_t above = count_of(count_write_above(out, count));
		assert_true(above >= count);
		assert_true(above - count <= count / 100 + 1);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_is_a_number_and_a_decimal_unit),
		cmocka_unit_test(whatever_else_it_is_is_none),
		cmocka_unit_test(three_digits_above_it_read_back_as_no_less),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

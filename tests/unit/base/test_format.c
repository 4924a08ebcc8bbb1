/* Numbers as people read them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "format.h"

static char out[FORMAT_MAX];

static void a_count_is_plain_up_to_the_digits_asked_for(void **state) {
	(void)state;

	assert_string_equal(format_count(out, 0, 4), "0");
	assert_string_equal(format_count(out, 9999, 4), "9999");
	assert_string_equal(format_count(out, 10000, 4), "10.0k");
	assert_string_equal(format_count(out, 88210, 5), "88210");
	assert_string_equal(format_count(out, 317382, 5), "317k");
	assert_string_equal(format_count(out, 11200, 4), "11.2k");
}

static void a_large_count_has_three_significant_digits(void **state) {
	(void)state;

	assert_string_equal(format_count(out, 69630, 4), "69.6k");
	assert_string_equal(format_count(out, 168812544, 4), "169M");
	assert_string_equal(format_count(out, 37478400, 4), "37.5M");
	assert_string_equal(format_count(out, 1300000000, 4), "1.30G");
	assert_string_equal(format_count(out, 1.8446744073709552e19, 4), "18.4E");
	assert_string_equal(format_count(out, 1e300, 4), "1e+300");
	assert_string_equal(format_count(out, -41200, 4), "-41.2k");
}

static void rounding_up_takes_the_next_suffix(void **state) {
	(void)state;

	assert_string_equal(format_count(out, 9999.6, 4), "10.0k");
	assert_string_equal(format_count(out, 99960, 4), "100k");
	assert_string_equal(format_count(out, 999499, 4), "999k");
	assert_string_equal(format_count(out, 999500, 4), "1.00M");
	assert_string_equal(format_count(out, 999999999, 4), "1.00G");
}

static void digits_are_grouped_by_three(void **state) {
	(void)state;

	assert_string_equal(format_grouped(out, 0), "0");
	assert_string_equal(format_grouped(out, 999), "999");
	assert_string_equal(format_grouped(out, 1000), "1,000");
	assert_string_equal(format_grouped(out, 317382), "317,382");
	assert_string_equal(format_grouped(out, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void three_significant_digits_need_no_exponent(void **state) {
	(void)state;

	assert_string_equal(format_significant(out, 58.29), "58.3");
	assert_string_equal(format_significant(out, 32), "32.0");
	assert_string_equal(format_significant(out, 7.1249), "7.12");
	assert_string_equal(format_significant(out, 9.996), "10.0");
	assert_string_equal(format_significant(out, 620.4), "620");
	assert_string_equal(format_significant(out, 3911), "3911");
	assert_string_equal(format_significant(out, 24576), "24.6k");
	assert_string_equal(format_significant(out, 0), "0");
	assert_string_equal(format_significant(out, 0.02131), "0.0213");
	assert_string_equal(format_significant(out, 2.44e-7), "2.44e-7");
	assert_string_equal(format_significant(out, -7.1249), "-7.12");
}

static void a_loss_has_four_significant_digits(void **state) {
	(void)state;

	assert_string_equal(format_general(out, 0.0213049), "0.0213");
	assert_string_equal(format_general(out, 0.0213149), "0.02131");
	assert_string_equal(format_general(out, 1.0213), "1.021");
	assert_string_equal(format_general(out, 2.5e-7), "2.5e-7");
	assert_string_equal(format_general(out, 1e-10), "1e-10");
	assert_string_equal(format_general(out, 4e-5), "4e-5");
	assert_string_equal(format_general(out, 1e9), "1e9");
	assert_string_equal(format_general(out, 1e100), "1e100");
	assert_string_equal(format_general(out, -1.5e-8), "-1.5e-8");
}

static void a_number_that_is_too_wide_loses_digits_and_never_its_size(void **state) {
	static const double sizes[] = {1, -1, 0.99996, -12345.6, 9.9996e-5, -2.0408e-4};
	(void)state;

	assert_string_equal(format_general_within(out, 0.02131, 8), "0.02131");
	assert_string_equal(format_general_within(out, 0.0002041, 8), "2.041e-4");
	assert_string_equal(format_general_within(out, 0.0002, 8), "0.0002");
	assert_string_equal(format_general_within(out, -0.0002041, 8), "-2.04e-4");
	assert_string_equal(format_general_within(out, -1.234e-10, 8), "-1.2e-10");
	assert_string_equal(format_general_within(out, -1.234e-300, 8), "-1e-300");
	assert_string_equal(format_general_within(out, -INFINITY, 8), "-inf");
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		double power = 1e-300;
		for (int decade = -300; decade < 300; decade++, power *= 10) {
			double value = sizes[i] * power;
			format_general_within(out, value, 8);
			assert_true(strlen(out) <= 8);
			assert_true(fabs(strtod(out, NULL) - value) <= 0.5 * fabs(value));
		}
	}
}

static void bytes_are_counted_in_binary_units(void **state) {
	(void)state;

	assert_string_equal(format_bytes(out, 0), "0 B");
	assert_string_equal(format_bytes(out, 812), "812 B");
	assert_string_equal(format_bytes(out, 1024), "1.0 KiB");
	assert_string_equal(format_bytes(out, 42991616), "41 MiB");
	assert_string_equal(format_bytes(out, 4.2 * 1048576), "4.2 MiB");
	assert_string_equal(format_bytes(out, 1048575), "1.0 MiB");
	assert_string_equal(format_bytes(out, 512.0 * 1073741824), "512 GiB");
}

static void a_duration_has_at_most_two_units(void **state) {
	(void)state;

	assert_string_equal(format_duration(out, 0.1), "0.1s");
	assert_string_equal(format_duration(out, 4.9), "4s");
	assert_string_equal(format_duration(out, 59.9), "59s");
	assert_string_equal(format_duration(out, 192), "3m12s");
	assert_string_equal(format_duration(out, 2538), "42m");
	assert_string_equal(format_duration(out, 8040), "2h14m");
	assert_string_equal(format_duration(out, 3660), "1h01m");
	assert_string_equal(format_duration(out, 532811), "6d4h");
	assert_string_equal(format_duration(out, -3), "0.0s");
}

static void an_age_has_one_unit(void **state) {
	(void)state;

	assert_string_equal(format_age(out, 0.4), "0s");
	assert_string_equal(format_age(out, 3599), "59m");
	assert_string_equal(format_age(out, 8040), "2h");
	assert_string_equal(format_age(out, 532811), "6d");
	assert_string_equal(format_age(out, 1e300), "11574074074d");
}

static void what_is_not_finite_says_so_everywhere(void **state) {
	(void)state;

	assert_string_equal(format_count(out, NAN, 4), "NaN");
	assert_string_equal(format_significant(out, INFINITY), "inf");
	assert_string_equal(format_general(out, -INFINITY), "-inf");
	assert_string_equal(format_bytes(out, NAN), "NaN");
	assert_string_equal(format_duration(out, NAN), "NaN");
	assert_string_equal(format_age(out, INFINITY), "inf");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_is_plain_up_to_the_digits_asked_for),
		cmocka_unit_test(a_large_count_has_three_significant_digits),
		cmocka_unit_test(rounding_up_takes_the_next_suffix),
		cmocka_unit_test(digits_are_grouped_by_three),
		cmocka_unit_test(three_significant_digits_need_no_exponent),
		cmocka_unit_test(a_loss_has_four_significant_digits),
		cmocka_unit_test(a_number_that_is_too_wide_loses_digits_and_never_its_size),
		cmocka_unit_test(bytes_are_counted_in_binary_units),
		cmocka_unit_test(a_duration_has_at_most_two_units),
		cmocka_unit_test(an_age_has_one_unit),
		cmocka_unit_test(what_is_not_finite_says_so_everywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}

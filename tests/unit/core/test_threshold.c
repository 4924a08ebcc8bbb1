#include "threshold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_threshold_is_the_decimal_its_user_wrote(void **state) {
	(void)state;
	/* As doubles 0.001, 0.1 and 0.7 lie beside the decimals; the counts on them are not below. */
	assert_int_equal(threshold_limit(0.001, 1000), 1);
	assert_int_equal(threshold_limit(0.001, 1001), 2);
	assert_int_equal(threshold_limit(0.001, 123000), 123);
	assert_int_equal(threshold_limit(0.1, 30), 3);
	assert_int_equal(threshold_limit(0.7, 10), 7);
	assert_int_equal(threshold_limit(0.3, 4096000), 1228800);
	assert_int_equal(threshold_limit(1.0, 4096000), 4096000);
	assert_int_equal(threshold_limit(0.123456789012345, 1000000000000000), 123456789012345);
}

static void the_reference_thresholds_are_its_integer_rule(void **state) {
	(void)state;
	static const uint64_t rows[] = {
		1, 99999, 100000, 100001, 4091904, 4096000, 14000000, 1ull << 32, 1ull << 60};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(threshold_limit(1e-5, rows[i]), (rows[i] + 99999) / 100000);
		assert_int_equal(threshold_limit(1e-6, rows[i]), (rows[i] + 999999) / 1000000);
	}
}

static void below_a_tiny_threshold_are_only_those_that_never_fired(void **state) {
	(void)state;
	assert_int_equal(threshold_limit(1e-300, UINT64_MAX), 1);
	assert_int_equal(threshold_limit(5e-324, 1), 1);
	assert_int_equal(threshold_limit(1e-12, 4096000), 1);
}

static void without_rows_nothing_is_below(void **state) {
	(void)state;
	assert_int_equal(threshold_limit(0.5, 0), 0);
}

static void any_number_of_rows_is_exact(void **state) {
	(void)state;
	assert_int_equal(threshold_limit(0.25, UINT64_MAX), UINT64_MAX / 4 + 1);
	assert_int_equal(threshold_limit(1.0, UINT64_MAX), UINT64_MAX);
	/* 17 digits, the longest there are. */
	assert_int_equal(
		threshold_limit(0.10000000000000002, 100000000000000000), 10000000000000002);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_threshold_is_the_decimal_its_user_wrote),
		cmocka_unit_test(the_reference_thresholds_are_its_integer_rule),
		cmocka_unit_test(below_a_tiny_threshold_are_only_those_that_never_fired),
		cmocka_unit_test(without_rows_nothing_is_below),
		cmocka_unit_test(any_number_of_rows_is_exact),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

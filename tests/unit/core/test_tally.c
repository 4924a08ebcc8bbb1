#include "tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct tally tally; /* 256 KiB: larger than a stack frame should be */

static int teardown(void **state) {
	(void)state;
	tally_finish(&tally);
	return 0;
}

static void take(const uint32_t *counts, uint32_t n) {
	assert_int_equal(tally_take(&tally, counts, n), 0);
}

static void assert_distinct(uint32_t i, uint32_t count, uint32_t features) {
	assert_int_equal(tally.count[i], count);
	assert_int_equal(tally.features[i], features);
}

static void distinct_counts_ascend_however_they_came(void **state) {
	(void)state;
	take((uint32_t[]){3, 0, 70000, 3, 4000000000u, 0, 70000, 3, 65535, 65536}, 10);
	assert_int_equal(tally.n, 6);
	assert_distinct(0, 0, 2);
	assert_distinct(1, 3, 3);
	assert_distinct(2, 65535, 1);
	assert_distinct(3, 65536, 1);
	assert_distinct(4, 70000, 2);
	assert_distinct(5, 4000000000u, 1);
}

static void nothing_of_one_window_is_in_the_next(void **state) {
	(void)state;
	take((uint32_t[]){7, 7, 100000, 100001, 100002}, 5);
	take((uint32_t[]){7, 100001}, 2);
	assert_int_equal(tally.n, 2);
	assert_distinct(0, 7, 1);
	assert_distinct(1, 100001, 1);
	assert_int_equal(tally_below(&tally, UINT64_MAX), 2);
}

static void a_limit_is_above_what_is_less_and_no_more(void **state) {
	(void)state;
	take((uint32_t[]){5, 5, 9, 80000}, 4);
	assert_int_equal(tally_below(&tally, 5), 0);
	assert_int_equal(tally_below(&tally, 6), 2);
	assert_int_equal(tally_below(&tally, 80000), 3);
	assert_int_equal(tally_below(&tally, 80001), 4);
}

static void each_feature_in_the_order_of_counts_is_found(void **state) {
	(void)state;
	take((uint32_t[]){80000, 5, 9, 5}, 4);
	assert_int_equal(tally_find(&tally, 0), 0);
	assert_int_equal(tally_find(&tally, 1), 0);
	assert_int_equal(tally_find(&tally, 2), 1);
	assert_int_equal(tally_find(&tally, 3), 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(distinct_counts_ascend_however_they_came, teardown),
		cmocka_unit_test_teardown(nothing_of_one_window_is_in_the_next, teardown),
		cmocka_unit_test_teardown(a_limit_is_above_what_is_less_and_no_more, teardown),
		cmocka_unit_test_teardown(each_feature_in_the_order_of_counts_is_found, teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "moments.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

static void fold(struct moments *m, const double *values, size_t n) {
	moments_init(m);
	for (size_t i = 0; i < n; i++) {
		moments_add(m, values[i]);
	}
}

static void mean_spread_and_range_are_those_of_the_values(void **state) {
	(void)state;
	struct moments m;

	fold(&m, (double[]){2, 4, 4, 4, 5, 5, 7, 9}, 8);
	assert_int_equal(m.count, 8);
	assert_near(m.mean, 5.0, 1e-15);
	assert_near(m.m2, 32.0, 1e-13);
	assert_near(moments_std(&m), sqrt(32.0 / 7), 1e-15);
	assert_near(m.min, 2.0, 0);
	assert_near(m.max, 9.0, 0);
}

static void a_nan_is_counted_but_never_averaged(void **state) {
	(void)state;
	struct moments m;

	fold(&m, (double[]){1, NAN, 3, INFINITY, -INFINITY}, 5);
	assert_int_equal(m.count, 2);
	assert_int_equal(m.rejected, 3);
	assert_near(m.mean, 2.0, 0);
	assert_near(m.max, 3.0, 0);
}

static void one_value_has_no_spread(void **state) {
	(void)state;
	struct moments m;

	fold(&m, (double[]){5}, 1);
	assert_true(isnan(moments_std(&m)));
	fold(&m, NULL, 0);
	assert_true(isnan(moments_std(&m)));
}

static void merging_parts_equals_folding_all_in_one(void **state) {
	(void)state;
	const double values[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, NAN, 1e9 + 16, 3, -8};
	struct moments whole, left, right;

	fold(&whole, values, 7);
	for (size_t cut = 0; cut <= 7; cut++) {
		fold(&left, values, cut);
		fold(&right, values + cut, 7 - cut);
		moments_merge(&left, &right);
		assert_int_equal(left.count, whole.count);
		assert_int_equal(left.rejected, whole.rejected);
		assert_near(left.mean / whole.mean, 1, 1e-14);
		assert_near(left.m2 / whole.m2, 1, 1e-14);
		assert_near(left.min, whole.min, 0);
		assert_near(left.max, whole.max, 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mean_spread_and_range_are_those_of_the_values),
		cmocka_unit_test(a_nan_is_counted_but_never_averaged),
		cmocka_unit_test(one_value_has_no_spread),
		cmocka_unit_test(merging_parts_equals_folding_all_in_one),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

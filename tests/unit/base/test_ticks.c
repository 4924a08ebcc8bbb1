/* Marks of an axis, as they are read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ticks.h"

/* "a b c": the labels. */
static const char *labels(const struct ticks *t) {
	static char text[TICKS_MAX * FORMAT_MAX];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < t->n; i++) {
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", t->label[i]);
	}
	return text;
}

static const char *linear(double low, double high, size_t max) {
	struct ticks t;

	ticks_linear(low, high, max, &t);
	return labels(&t);
}

static const char *logarithmic(double low, double high, size_t max) {
	struct ticks t;

	ticks_log(low, high, max, &t);
	return labels(&t);
}

static void a_linear_axis_has_the_finest_round_steps_that_fit(void **state) {
	(void)state;

	assert_string_equal(linear(0, 100, 6), "0 20 40 60 80 100");
	assert_string_equal(linear(0, 100, 5), "0 50 100");
	assert_string_equal(linear(0, 100, 11), "0 10 20 30 40 50 60 70 80 90 100");
	assert_string_equal(linear(0.702, 0.944, 6), "0.75 0.80 0.85 0.90");
	assert_string_equal(linear(-3, 3, 7), "-3 -2 -1 0 1 2 3");
	assert_string_equal(linear(2020, 2022, 5), "2020.0 2020.5 2021.0 2021.5 2022.0");
}

static void labels_of_one_axis_have_one_unit(void **state) {
	(void)state;

	assert_string_equal(linear(0, 12000, 4), "0 5k 10k");
	assert_string_equal(linear(11000, 12600, 5), "11.0k 11.5k 12.0k 12.5k");
	assert_string_equal(linear(0, 1.3e9, 4), "0 0.5G 1.0G");
	assert_string_equal(linear(0, 4.4e-4, 6), "0 1e-4 2e-4 3e-4 4e-4");
	assert_string_equal(linear(1.2e-4, 1.4e-4, 6), "1.20e-4 1.25e-4 1.30e-4 1.35e-4 1.40e-4");
	assert_string_equal(linear(0, 3e22, 4), "0 1e22 2e22 3e22");
	assert_string_equal(linear(-20000, 20000, 5), "-20k -10k 0 10k 20k");
}

static void a_logarithmic_axis_has_1_2_5_or_decades(void **state) {
	(void)state;

	assert_string_equal(logarithmic(10, 500, 6), "10 20 50 100 200 500");
	assert_string_equal(logarithmic(10, 500, 5), "10 100");
	assert_string_equal(logarithmic(1, 1e5, 6), "1 10 100 1000 10k 100k");
	assert_string_equal(logarithmic(1e-10, 1, 6), "1e-10 1e-8 1e-6 1e-4 0.01 1");
	assert_string_equal(
		logarithmic(0.0004, 0.3, 9), "5e-4 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2");
	assert_string_equal(logarithmic(9e5, 2e9, 4), "1M 10M 100M 1G");
}

static void less_than_a_decade_is_marked_evenly(void **state) {
	(void)state;

	assert_string_equal(logarithmic(58, 97, 4), "60 70 80 90");
	assert_string_equal(logarithmic(40, 120, 4), "50 100");
	assert_string_equal(logarithmic(31.2, 33.9, 3), "32 33");
}

static void what_is_no_range_has_no_marks(void **state) {
	(void)state;
	static const struct {
		double low, high;
		size_t max;
	} none[] = {{2, 1, 5}, {NAN, 1, 5}, {0, INFINITY, 5}, {-INFINITY, 0, 5},
		{-1.7e308, 1.7e308, 5}, {0, 1, 0}};

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		assert_string_equal(linear(none[i].low, none[i].high, none[i].max), "");
		assert_string_equal(logarithmic(none[i].low, none[i].high, none[i].max), "");
	}
	assert_string_equal(logarithmic(0, 10, 5), "");
	assert_string_equal(logarithmic(-1, 10, 5), "");
}

static void one_value_has_one_mark(void **state) {
	(void)state;

	assert_string_equal(linear(58.25, 58.25, 5), "58.25");
	assert_string_equal(linear(0, 0, 5), "0");
	assert_string_equal(logarithmic(0.125, 0.125, 5), "0.125");
	assert_string_equal(linear(1e15, 1e15 + 0.5, 5), "1e15");
}

/* Whatever the range: rising, within it, no more than asked for, and no two that read the same. */
static void marks_are_within_and_can_be_told_apart(void **state) {
	(void)state;
	uint32_t seed = 7;
	size_t most = 0;

	for (unsigned round = 0; round < 20000; round++) {
		double part[3];
		for (size_t i = 0; i < 3; i++) {
			seed = seed * 1664525u + 1013904223u;
			part[i] = (double)(seed >> 8) / (1 << 24);
		}
		double low = pow(10, 40 * part[0] - 20),
		       high = low * (1 + pow(10, 14 * part[1] - 6));
		size_t max = 2 + (size_t)(part[2] * 14);
		bool is_log = round % 2 == 0;
		struct ticks t;
		(is_log ? ticks_log : ticks_linear)(low, high, max, &t);
		assert_true(t.n <= max);
		for (size_t i = 0; i < t.n; i++) {
			assert_true(t.at[i] >= low * (1 - 1e-8) && t.at[i] <= high * (1 + 1e-8));
			if (i > 0) {
				assert_true(t.at[i] > t.at[i - 1]);
				assert_string_not_equal(t.label[i], t.label[i - 1]);
			}
		}
		most = t.n > most ? t.n : most;
	}
	assert_int_equal(most, 15);
}

static void beyond_a_value_is_the_next_round_number(void **state) {
	(void)state;

	assert_true(ticks_beyond(300, true) == 500);
	assert_true(ticks_beyond(500, true) == 1000);
	assert_true(ticks_beyond(0.7, false) == 0.5);
	assert_true(ticks_beyond(0.5, false) == 0.2);
	assert_true(ticks_beyond(0.1, false) == 0.05);
	assert_true(ticks_beyond(0.1, true) == 0.2);
	assert_true(ticks_beyond(-3, true) == -2);
	assert_true(ticks_beyond(-3, false) == -5);
	assert_true(isnan(ticks_beyond(0, true)));
	assert_true(isnan(ticks_beyond(NAN, true)));
	assert_true(isnan(ticks_beyond(INFINITY, false)));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_linear_axis_has_the_finest_round_steps_that_fit),
		cmocka_unit_test(labels_of_one_axis_have_one_unit),
		cmocka_unit_test(a_logarithmic_axis_has_1_2_5_or_decades),
		cmocka_unit_test(less_than_a_decade_is_marked_evenly),
		cmocka_unit_test(what_is_no_range_has_no_marks),
		cmocka_unit_test(one_value_has_one_mark),
		cmocka_unit_test(marks_are_within_and_can_be_told_apart),
		cmocka_unit_test(beyond_a_value_is_the_next_round_number),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

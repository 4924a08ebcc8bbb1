/* What is told of as unusual, and what is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "anomaly.h"

static double uniform(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return (double)*seed / 4294967296.0;
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median_of(const double *values, size_t n) {
	double sorted[RUNNING_MEDIAN_MAX];

	memcpy(sorted, values, n * sizeof(double));
	qsort(sorted, n, sizeof(double), compare);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void the_running_median_is_that_of_the_last_values(void **state) {
	struct running_median m = {0};
	double all[1000], distances[RUNNING_MEDIAN_MAX];
	uint32_t seed = 7;
	(void)state;

	assert_true(isnan(running_median_get(&m)));
	assert_true(isnan(running_median_deviation(&m)));
	for (size_t i = 0; i < 1000; i++) {
		all[i] = floor(20 * uniform(&seed)) - 10; /* many are equal */
		running_median_add(&m, all[i]);
		size_t n = i + 1 < RUNNING_MEDIAN_MAX ? i + 1 : RUNNING_MEDIAN_MAX;
		double median = median_of(all + i + 1 - n, n);
		for (size_t j = 0; j < n; j++) {
			distances[j] = fabs(all[i - j] - median);
		}
		assert_true(running_median_get(&m) == median);
		assert_true(running_median_deviation(&m) == median_of(distances, n));
	}
}

static void a_loss_that_falls_and_jitters_is_usual(void **state) {
	struct anomaly_series s = {.factor = ANOMALY_LOSS_FACTOR};
	uint32_t seed = 3;
	(void)state;

	for (int step = 0; step < 20000; step++) {
		double loss = (10 * exp(-step / 300.0) + 0.02) * (0.7 + 0.6 * uniform(&seed));
		assert_int_equal(anomaly_series_add(&s, loss), ANOMALY_NONE);
	}
}

static void a_spike_is_told_once_and_does_not_move_what_is_usual(void **state) {
	struct anomaly_series s = {.factor = ANOMALY_LOSS_FACTOR};
	(void)state;

	for (int step = 0; step < 200; step++) {
		assert_int_equal(anomaly_series_add(&s, 1 + 0.01 * (step % 3)), ANOMALY_NONE);
	}
	assert_int_equal(anomaly_series_add(&s, 4.9), ANOMALY_NONE);
	assert_int_equal(anomaly_series_add(&s, 5.5), ANOMALY_SPIKE);
	assert_true(fabs(running_median_get(&s.usual) - 1.01) < 0.001);
	assert_int_equal(anomaly_series_add(&s, 50), ANOMALY_NONE);
	assert_int_equal(anomaly_series_add(&s, 1), ANOMALY_NONE);
	assert_int_equal(anomaly_series_add(&s, 6), ANOMALY_SPIKE);
}

static void what_always_leaps_about_does_not_spike(void **state) {
	struct anomaly_series s = {.factor = ANOMALY_LOSS_FACTOR};
	(void)state;

	for (int step = 0; step < 1000; step++) {
		assert_int_equal(
			anomaly_series_add(&s, step % 3 == 0 ? 10 : 1 + step % 3), ANOMALY_NONE);
	}
}

static void a_few_values_say_nothing_of_what_is_usual(void **state) {
	struct anomaly_series s = {.factor = ANOMALY_LOSS_FACTOR};
	(void)state;

	for (unsigned step = 0; step + 1 < ANOMALY_USUAL_MIN; step++) {
		assert_int_equal(anomaly_series_add(&s, 1), ANOMALY_NONE);
	}
	assert_int_equal(anomaly_series_add(&s, 100), ANOMALY_NONE);
}

static void the_first_value_that_is_not_finite_is_told(void **state) {
	struct anomaly_series s = {.factor = ANOMALY_LOSS_FACTOR};
	(void)state;

	assert_int_equal(anomaly_series_add(&s, NAN), ANOMALY_NOT_FINITE);
	assert_int_equal(anomaly_series_add(&s, INFINITY), ANOMALY_NONE);
	assert_int_equal(anomaly_series_add(&s, 1), ANOMALY_NONE);
	assert_int_equal(anomaly_series_add(&s, -INFINITY), ANOMALY_NOT_FINITE);
	assert_int_equal(s.usual.n, 1);
}

static void steps_that_are_missing_are_told_by_the_pace_of_the_first(void **state) {
	struct anomaly_steps each = {0}, tenth = {0};
	(void)state;

	for (int64_t step = 0; step < 100; step++) {
		assert_int_equal(anomaly_steps_add(&each, step), ANOMALY_NONE);
		assert_int_equal(anomaly_steps_add(&tenth, 9 + 10 * step), ANOMALY_NONE);
	}
	assert_int_equal(anomaly_steps_add(&each, 103), ANOMALY_GAP);
	assert_int_equal(anomaly_steps_add(&each, 104), ANOMALY_NONE);
	assert_int_equal(anomaly_steps_add(&tenth, 1019), ANOMALY_GAP);
}

static void a_wave_of_deaths_is_many_and_more_than_usual(void **state) {
	struct anomaly_windows w = {.dead_window = 300};
	(void)state;

	/* All that never fired die when they first can. */
	assert_int_equal(anomaly_windows_add(&w, 0, 0, 1000), ANOMALY_NONE);
	assert_int_equal(anomaly_windows_add(&w, 300, 900, 1000), ANOMALY_NONE);
	for (int64_t window = 4; window < 20; window++) {
		assert_int_equal(anomaly_windows_add(&w, 100 * window, 15, 1000), ANOMALY_NONE);
	}
	assert_int_equal(anomaly_windows_add(&w, 2000, 99, 1000), ANOMALY_NONE);
	assert_int_equal(anomaly_windows_add(&w, 2100, 100, 1000), ANOMALY_DEATHS);

	struct anomaly_windows many = {.dead_window = 300};
	for (int64_t window = 4; window < 20; window++) {
		(void)anomaly_windows_add(&many, 100 * window, 60, 1000);
	}
	assert_int_equal(anomaly_windows_add(&many, 2000, 250, 1000), ANOMALY_NONE);
	assert_int_equal(anomaly_windows_add(&many, 2100, 301, 1000), ANOMALY_DEATHS);
	assert_int_equal(anomaly_windows_add(&many, 2200, 0, 0), ANOMALY_NONE);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_running_median_is_that_of_the_last_values),
		cmocka_unit_test(a_loss_that_falls_and_jitters_is_usual),
		cmocka_unit_test(a_spike_is_told_once_and_does_not_move_what_is_usual),
		cmocka_unit_test(what_always_leaps_about_does_not_spike),
		cmocka_unit_test(a_few_values_say_nothing_of_what_is_usual),
		cmocka_unit_test(the_first_value_that_is_not_finite_is_told),
		cmocka_unit_test(steps_that_are_missing_are_told_by_the_pace_of_the_first),
		cmocka_unit_test(a_wave_of_deaths_is_many_and_more_than_usual),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("anomaly", tests, NULL, NULL);
}

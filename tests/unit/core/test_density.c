#include "density.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "density_golden.h"
#include "near.h"

static struct density_summary summarise(const uint32_t *counts, uint32_t d_sae, uint64_t n_rows) {
	struct density_scratch *scratch = density_scratch_create();
	struct density_summary d;

	assert_non_null(scratch);
	assert_int_equal(density_summarise(counts, d_sae, n_rows, NULL, 0, scratch, &d), 0);
	density_scratch_destroy(scratch);
	return d;
}

static uint32_t total(const uint32_t *bins, uint32_t n) {
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += bins[i];
	}
	return sum;
}

static void a_window_of_four_features_as_by_hand(void **state) {
	(void)state;
	/* Of 4 rows: log10 of 1, 1/4, 0, 0 plus the floor is 0, -0.60206, -10, -10. */
	struct density_summary d = summarise((uint32_t[]){4, 1, 0, 0}, 4, 4);

	assert_near(d.mean_log10, (-0.60206 - 10 - 10) / 4, 1e-6);
	assert_int_equal(d.below_1e_5, 2);
	assert_int_equal(d.below_1e_6, 2);
	assert_int_equal(d.never_fired, 2);
	assert_int_equal(d.above_1e_1, 2);
	assert_true(d.has_wandb);
	/* 64 bins of 0.15625 over [-10, 0]: -0.60206 is in the 61st, 0 in the last. */
	assert_int_equal(d.wandb_counts[0], 2);
	assert_int_equal(d.wandb_counts[60], 1);
	assert_int_equal(d.wandb_counts[63], 1);
	assert_int_equal(total(d.wandb_counts, WANDB_BINS), 4);
	assert_near((double)d.wandb_edges[0], -10, 0);
	assert_near((double)d.wandb_edges[32], -5, 0);
	assert_near((double)d.wandb_edges[64], 0, 0);
	/* 20 a decade: -0.60206 is in the 13th below 0. */
	assert_int_equal(d.fixed_counts[199], 1);
	assert_int_equal(d.fixed_counts[200 - 13], 1);
	assert_int_equal(total(d.fixed_counts, FIXED_BINS), 2);
}

static void a_window_in_which_nothing_fired_sits_in_the_middle_bin(void **state) {
	(void)state;
	struct density_summary d = summarise((uint32_t[]){0, 0, 0, 0, 0}, 5, 4096);

	assert_near(d.mean_log10, -10, 0);
	assert_int_equal(d.wandb_counts[32], 5);
	assert_near((double)d.wandb_edges[0], -10.5, 0);
	assert_near((double)d.wandb_edges[64], -9.5, 0);
	assert_int_equal(d.n_quantile_features, 0);
	assert_true(isnan(d.quantiles[0]) && isnan(d.quantiles[4]));
	assert_int_equal(total(d.fixed_counts, FIXED_BINS), 0);
}

static void a_window_without_rows_has_no_mean_and_no_histogram(void **state) {
	(void)state;
	struct density_summary d = summarise((uint32_t[]){0, 0}, 2, 0);

	assert_true(isnan(d.mean_log10));
	assert_false(d.has_wandb);
	assert_int_equal(d.below_1e_5, 0);
	assert_int_equal(d.never_fired, 2);
}

static void exactly_one_in_a_hundred_thousand_is_not_below(void **state) {
	(void)state;
	struct density_summary d = summarise((uint32_t[]){0, 1, 2}, 3, 100000);
	assert_int_equal(d.below_1e_5, 1);
	assert_int_equal(d.below_1e_6, 1);
	d = summarise((uint32_t[]){40, 41, 4, 5}, 4, 4096000);
	assert_int_equal(d.below_1e_5, 3);
	assert_int_equal(d.below_1e_6, 1);
	d = summarise((uint32_t[]){40, 41, 4, 5}, 4, 4091904);
	assert_int_equal(d.below_1e_5, 3);
	assert_int_equal(d.below_1e_6, 1);
	/* Dense means more than: exactly one in ten is not. */
	d = summarise((uint32_t[]){10, 11, 1, 2}, 4, 100);
	assert_int_equal(d.above_1e_1, 1);
	assert_int_equal(d.above_1e_2, 3);
}

static void counts_above_2_to_the_24th_stay_apart(void **state) {
	(void)state;
	/* The reference's 32-bit floats lose the 1; thresholds and quantiles here do not. */
	struct density_scratch *scratch = density_scratch_create();
	struct density_summary d;
	const uint32_t counts[] = {16777216, 16777217};
	const double half = 0.5;

	assert_int_equal(density_summarise(counts, 2, 33554434, &half, 1, scratch, &d), 0);
	assert_int_equal(d.below[0], 1);
	density_scratch_destroy(scratch);
}

static void what_lies_outside_the_fixed_bins_is_in_the_outermost(void **state) {
	(void)state;
	/* Counts above the rows: configured batches that were in truth larger. */
	struct density_summary d = summarise((uint32_t[]){150, 100, 99}, 3, 100);
	assert_int_equal(d.fixed_counts[199], 3);
	d = summarise((uint32_t[]){1, 10, 100}, 3, 1000000000000u);
	assert_int_equal(d.fixed_counts[0], 3); /* 1e-12, 1e-11, 1e-10 */
	d = summarise((uint32_t[]){1, 10, 100, 1000}, 4, 1000);
	assert_int_equal(d.fixed_counts[140], 1); /* a whole decade begins its bin */
	assert_int_equal(d.fixed_counts[160], 1);
	assert_int_equal(d.fixed_counts[180], 1);
	assert_int_equal(d.fixed_counts[199], 1);
}

static void features_all_alike_are_in_the_middle_bin_whatever_their_density(void **state) {
	(void)state;
	/* Widened in double, as numpy does: rounded to 32 bits, half of these would be a bin too low. */
	for (uint32_t count = 1; count < 1000; count++) {
		struct density_summary d = summarise((uint32_t[]){count, count}, 2, 1000);
		assert_int_equal(d.wandb_counts[32], 2);
	}
}

static uint32_t uint_of(const json_t *object, const char *key) {
	return (uint32_t)json_integer_value(json_object_get(object, key));
}

static void check_summary(const struct density_summary *d, const json_t *want) {
	assert_near(d->mean_log10, json_number_value(json_object_get(want, "mean_log10")), 1e-12);
	assert_int_equal(d->below_1e_5, uint_of(want, "below_1e_5"));
	assert_int_equal(d->below_1e_6, uint_of(want, "below_1e_6"));
	assert_int_equal(d->above_1e_2, uint_of(want, "above_1e_2"));
	assert_int_equal(d->above_1e_1, uint_of(want, "above_1e_1"));
	assert_int_equal(d->never_fired, uint_of(want, "never_fired"));
	for (uint32_t i = 0; i < d->n_thresholds; i++) {
		const json_t *below = json_array_get(json_object_get(want, "below"), i);
		assert_int_equal(d->below[i], json_integer_value(below));
	}
	for (uint32_t q = 0; q < DENSITY_QUANTILES; q++) {
		const json_t *value = json_array_get(json_object_get(want, "quantiles"), q);
		assert_near(d->quantiles[q],
			json_is_string(value) ? (double)NAN : json_number_value(value), 1e-12);
	}
	for (uint32_t bin = 0; bin < FIXED_BINS; bin++) {
		char key[12];
		(void)snprintf(key, sizeof(key), "%u", bin);
		assert_int_equal(
			d->fixed_counts[bin], uint_of(json_object_get(want, "fixed"), key));
	}
	check_histogram(d->wandb_counts, d->wandb_edges, json_object_get(want, "wandb_counts"),
		json_object_get(want, "wandb_edges"));
}

/* One scratch for all: what one window leaves in it must not be seen by the next. */
static void windows_of_any_size_are_summarised_as_numpy_does(void **state) {
	(void)state;
	json_t *data = density_golden(), *item, *value;
	double thresholds[THRESHOLDS_MAX];
	struct density_scratch *scratch = density_scratch_create();
	uint32_t n_thresholds = 0;
	size_t k, i;

	json_array_foreach(json_object_get(data, "thresholds"), i, value) {
		thresholds[n_thresholds++] = json_number_value(value);
	}
	json_array_foreach(json_object_get(data, "summaries"), k, item) {
		const json_t *list = json_object_get(item, "counts");
		uint32_t d_sae = (uint32_t)json_array_size(list);
		uint64_t n_rows = (uint64_t)json_integer_value(json_object_get(item, "n_rows"));
		uint32_t *counts = calloc(d_sae, sizeof(*counts));
		struct density_summary d;
		json_array_foreach(list, i, value) {
			counts[i] = (uint32_t)json_integer_value(value);
		}
		assert_int_equal(density_summarise(counts, d_sae, n_rows, thresholds, n_thresholds,
					 scratch, &d),
			0);
		check_summary(&d, item);
		free(counts);
	}
	density_scratch_destroy(scratch);
	json_decref(data);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_of_four_features_as_by_hand),
		cmocka_unit_test(a_window_in_which_nothing_fired_sits_in_the_middle_bin),
		cmocka_unit_test(a_window_without_rows_has_no_mean_and_no_histogram),
		cmocka_unit_test(exactly_one_in_a_hundred_thousand_is_not_below),
		cmocka_unit_test(counts_above_2_to_the_24th_stay_apart),
		cmocka_unit_test(what_lies_outside_the_fixed_bins_is_in_the_outermost),
		cmocka_unit_test(features_all_alike_are_in_the_middle_bin_whatever_their_density),
		cmocka_unit_test(windows_of_any_size_are_summarised_as_numpy_does),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

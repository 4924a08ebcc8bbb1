#include "wandb_histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "density_golden.h"

static int ascending(const void *a, const void *b) {
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void a_value_that_is_not_finite_means_no_histogram(void **state) {
	(void)state;
	uint32_t counts[WANDB_BINS];
	float edges[WANDB_BINS + 1];

	assert_false(wandb_histogram((float[]){1, NAN}, NULL, 2, counts, edges));
	assert_false(wandb_histogram((float[]){INFINITY, 1}, NULL, 2, counts, edges));
	assert_false(wandb_histogram((float[]){1, -INFINITY}, NULL, 2, counts, edges));
	assert_false(wandb_histogram(NULL, NULL, 0, counts, edges));
	assert_true(wandb_histogram((float[]){1, 2}, NULL, 2, counts, edges));
}

static void the_histogram_is_numpys(void **state) {
	(void)state;
	json_t *data = density_golden(), *item, *value;
	size_t k, i;

	json_array_foreach(json_object_get(data, "histograms"), k, item) {
		const json_t *values = json_object_get(item, "values");
		uint32_t n = (uint32_t)json_array_size(values), counts[WANDB_BINS];
		float edges[WANDB_BINS + 1], *floats = calloc(n, sizeof(*floats));
		json_array_foreach(values, i, value) {
			floats[i] = (float)json_number_value(value);
		}
		qsort(floats, n, sizeof *floats, ascending);
		assert_true(wandb_histogram(floats, NULL, n, counts, edges));
		check_histogram(counts, edges, json_object_get(item, "counts"),
			json_object_get(item, "edges"));
		free(floats);
	}
	json_decref(data);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_is_not_finite_means_no_histogram),
		cmocka_unit_test(the_histogram_is_numpys),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

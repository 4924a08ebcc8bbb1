/* What numpy says of histograms and of windows: tests/golden/density.json. Include <cmocka.h> before. */
#pragma once

#include <jansson.h>

#include "wandb_histogram.h"

static inline json_t *density_golden(void) {
	json_error_t error;
	json_t *data = json_load_file(DENSITY_JSON, 0, &error);

	if (!data) {
		fail_msg("%s:%d: %s", DENSITY_JSON, error.line, error.text);
	}
	return data;
}

static inline void check_histogram(const uint32_t *counts, const float *edges,
	const json_t *want_counts, const json_t *want_edges) {
	for (size_t i = 0; i < WANDB_BINS; i++) {
		assert_int_equal(counts[i], json_integer_value(json_array_get(want_counts, i)));
	}
	for (size_t i = 0; i <= WANDB_BINS; i++) {
		assert_true((double)edges[i] == json_real_value(json_array_get(want_edges, i)));
	}
}

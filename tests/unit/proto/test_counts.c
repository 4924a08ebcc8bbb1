#include "counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "le.h"

#define D_SAE 1003u /* no multiple of a vector's width: the ends of loops count too */

/* As the wire has it: at an odd address, in memory of exactly its length. */
struct written {
	uint8_t *memory;
	struct counts counts;
};

static void store(uint8_t *out, size_t width, size_t i, uint32_t value) {
	if (width == 1) {
		out[i] = (uint8_t)value;
	} else if (width == 2) {
		le16_store(out + 2 * i, (uint16_t)value);
	} else {
		le32_store(out + 4 * i, value);
	}
}

/* All D_SAE counts, zeros too, in a form. */
static struct written write_as(enum counts_form form, const uint32_t *counts) {
	static const size_t widths[] = {0, 1, 2, 4, 2, 4};
	size_t len = counts_size(form, D_SAE, D_SAE);
	uint8_t *memory = malloc(1 + len), *out = memory + 1;

	for (uint32_t i = 0; form >= COUNTS_PAIRS16 && i < D_SAE; i++, out += sizeof i) {
		le32_store(out, i);
	}
	for (uint32_t i = 0; i < D_SAE; i++) {
		store(out, widths[form], i, counts[i]);
	}
	return (struct written){memory, {form, D_SAE, memory + 1, len}};
}

static void the_smallest_exact_form_is_chosen(void **state) {
	(void)state;
	static const struct {
		uint32_t max, n_nonzero;
		enum counts_form form;
	} cases[] = {
		{255, D_SAE, COUNTS_U8}, {256, D_SAE, COUNTS_U16}, {65535, D_SAE, COUNTS_U16},
		{65536, D_SAE, COUNTS_U32},
		{255, 168, COUNTS_U8},        /* 168 pairs of 6 bytes are 1,008 against 1,003 */
		{255, 167, COUNTS_PAIRS16},   /* 1,002 */
		{256, 335, COUNTS_U16},       /* 2,010 against 2,006 */
		{256, 334, COUNTS_PAIRS16},   /* 2,004 */
		{65536, 502, COUNTS_U32},     /* 4,016 against 4,012 */
		{65536, 501, COUNTS_PAIRS32}, /* 4,008 */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t n;
		enum counts_form form =
			counts_smallest(cases[i].max, cases[i].n_nonzero, D_SAE, &n);
		assert_int_equal(form, cases[i].form);
		assert_int_equal(n, form >= COUNTS_PAIRS16 ? cases[i].n_nonzero : D_SAE);
	}
}

static void at_the_same_size_dense_is_chosen(void **state) {
	(void)state;
	uint32_t n;

	assert_int_equal(counts_smallest(1, 2, 12, &n), COUNTS_U8);
	assert_int_equal(n, 12);
}

static void a_step_on_which_nothing_fired_takes_no_bytes(void **state) {
	(void)state;
	uint32_t n = 7;

	assert_int_equal(counts_smallest(0, 0, D_SAE, &n), COUNTS_PAIRS16);
	assert_int_equal(n, 0);
	assert_int_equal(counts_size(COUNTS_PAIRS16, n, D_SAE), 0);
	struct counts none = {COUNTS_PAIRS16, 0, (const uint8_t *)"", 0};
	assert_null(counts_check(&none, D_SAE, 1));
}

static void a_count_above_the_rows_is_found_wherever_it_is(void **state) {
	(void)state;
	static const enum counts_form forms[] = {
		COUNTS_U8, COUNTS_U16, COUNTS_U32, COUNTS_PAIRS16, COUNTS_PAIRS32};
	uint32_t counts[D_SAE];

	for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
		for (uint32_t at = 0; at < D_SAE; at += at < D_SAE - 40 ? 37 : 1) {
			for (uint32_t i = 0; i < D_SAE; i++) {
				counts[i] = i == at ? 101 : 100;
			}
			struct written w = write_as(forms[f], counts);
			assert_null(counts_check(&w.counts, D_SAE, 101));
			assert_string_equal(
				counts_check(&w.counts, D_SAE, 100), "a count is above n_rows");
			free(w.memory);
		}
	}
}

static void dense_counts_are_as_long_as_the_run_has_features(void **state) {
	(void)state;
	uint8_t data[16] = {0};
	struct counts c = {COUNTS_U8, 8, data, 8};

	assert_null(counts_check(&c, 8, 10));
	assert_string_equal(counts_check(&c, 9, 10), "dense counts that are not d_sae long");
	assert_string_equal(counts_check(&c, 7, 10), "dense counts that are not d_sae long");
	assert_string_equal(counts_check(&c, 0, 10), "counts for a run that gave no d_sae");
	c.len = 7;
	assert_string_equal(
		counts_check(&c, 8, 10), "a payload that is not as long as its form says");
}

static void no_counts_are_fine_for_any_run(void **state) {
	(void)state;
	struct counts none = {.form = COUNTS_NONE};

	assert_null(counts_check(&none, 0, 10));
	assert_null(counts_check(&none, 8, 10));
}

static const char *check_pairs(const uint32_t *indices, uint32_t n, uint32_t d_sae) {
	uint8_t data[64];

	for (uint32_t i = 0; i < n; i++) {
		le32_store(data + 4 * (size_t)i, indices[i]);
		le16_store(data + 4 * (size_t)n + 2 * (size_t)i, 1);
	}
	struct counts c = {COUNTS_PAIRS16, n, data, 6 * (size_t)n};
	return counts_check(&c, d_sae, 1);
}

static void indices_are_strictly_ascending_and_below_d_sae(void **state) {
	(void)state;
	assert_null(check_pairs((uint32_t[]){0, 3, 7}, 3, 8));
	assert_string_equal(
		check_pairs((uint32_t[]){0, 3, 8}, 3, 8), "an index is not below d_sae");
	assert_string_equal(
		check_pairs((uint32_t[]){0, 3, UINT32_MAX}, 3, 8), "an index is not below d_sae");
	assert_string_equal(
		check_pairs((uint32_t[]){0, 3, 3}, 3, 8), "indices are not strictly ascending");
	assert_string_equal(
		check_pairs((uint32_t[]){3, 0, 7}, 3, 8), "indices are not strictly ascending");
	assert_string_equal(check_pairs((uint32_t[]){0, 1, 2}, 3, 2), "more pairs than d_sae");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_exact_form_is_chosen),
		cmocka_unit_test(at_the_same_size_dense_is_chosen),
		cmocka_unit_test(a_step_on_which_nothing_fired_takes_no_bytes),
		cmocka_unit_test(a_count_above_the_rows_is_found_wherever_it_is),
		cmocka_unit_test(dense_counts_are_as_long_as_the_run_has_features),
		cmocka_unit_test(no_counts_are_fine_for_any_run),
		cmocka_unit_test(indices_are_strictly_ascending_and_below_d_sae),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

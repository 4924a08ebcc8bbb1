#include "counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "le.h"

#define D_SAE 1003u /* no multiple of a vector's width: the ends of loops count too */

/* As the wire has it: at an odd address, in memory of exactly its length. */
struct written {
	uint8_t *memory;
	struct counts counts;
};

static struct written write_as(enum counts_form form, const uint32_t *counts, uint32_t n_entries) {
	size_t len = counts_size(form, n_entries, D_SAE);
	uint8_t *memory = malloc(1 + len);

	counts_write(form, counts, D_SAE, memory + 1);
	return (struct written){memory, {form, n_entries, memory + 1, len}};
}

static uint32_t entry_of(const struct counts *c, uint32_t i) {
	size_t indices = 4 * (size_t)c->n_entries;

	switch (c->form) {
	case COUNTS_U8:
		return c->data[i];
	case COUNTS_U16:
		return le16_load(c->data + 2 * (size_t)i);
	case COUNTS_U32:
		return le32_load(c->data + 4 * (size_t)i);
	case COUNTS_PAIRS16:
		return le16_load(c->data + indices + 2 * (size_t)i);
	default:
		return le32_load(c->data + indices + 4 * (size_t)i);
	}
}

static void assert_holds(const struct counts *c, const uint32_t *counts) {
	uint32_t next = 0;

	for (uint32_t i = 0; i < D_SAE; i++) {
		if (c->form < COUNTS_PAIRS16) {
			assert_int_equal(entry_of(c, i), counts[i]);
		} else if (counts[i] != 0) {
			assert_int_equal(le32_load(c->data + 4 * (size_t)next), i);
			assert_int_equal(entry_of(c, next), counts[i]);
			next++;
		}
	}
	assert_int_equal(next, c->form < COUNTS_PAIRS16 ? 0 : c->n_entries);
}

static void fill(uint32_t *counts, uint32_t every, uint32_t largest) {
	memset(counts, 0, D_SAE * sizeof *counts);
	for (uint32_t i = 0; i < D_SAE; i += every) {
		counts[i] = i * 7 % largest + 1;
	}
	counts[every * ((D_SAE - 1) / every)] = largest;
}

static void the_smallest_exact_form_is_chosen(void **state) {
	(void)state;
	static const struct {
		uint32_t every, largest;
		enum counts_form form;
	} cases[] = {
		{1, 255, COUNTS_U8},
		{1, 256, COUNTS_U16},
		{1, 65535, COUNTS_U16},
		{1, 65536, COUNTS_U32},
		{6, 255, COUNTS_U8},      /* 168 pairs of 6 bytes are 1,008 */
		{7, 255, COUNTS_PAIRS16}, /* 144 are 864 */
		{3, 256, COUNTS_U16},     /* 335 are 2,010 against 2,006 */
		{4, 256, COUNTS_PAIRS16},
		{2, 65536, COUNTS_U32}, /* 502 pairs of 8 bytes are 4,016 against 4,012 */
		{3, 65536, COUNTS_PAIRS32},
	};
	uint32_t counts[D_SAE], n;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fill(counts, cases[i].every, cases[i].largest);
		enum counts_form form = counts_choose(counts, D_SAE, &n);
		assert_int_equal(form, cases[i].form);
		struct written w = write_as(form, counts, n);
		assert_holds(&w.counts, counts);
		assert_null(counts_check(&w.counts, D_SAE, cases[i].largest));
		free(w.memory);
	}
}

static void a_step_on_which_nothing_fired_takes_no_bytes(void **state) {
	(void)state;
	uint32_t counts[D_SAE] = {0}, n = 7;

	assert_int_equal(counts_choose(counts, D_SAE, &n), COUNTS_PAIRS16);
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
			struct written w = write_as(forms[f], counts, D_SAE);
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
		cmocka_unit_test(a_step_on_which_nothing_fired_takes_no_bytes),
		cmocka_unit_test(a_count_above_the_rows_is_found_wherever_it_is),
		cmocka_unit_test(dense_counts_are_as_long_as_the_run_has_features),
		cmocka_unit_test(no_counts_are_fine_for_any_run),
		cmocka_unit_test(indices_are_strictly_ascending_and_below_d_sae),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

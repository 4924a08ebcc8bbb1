/* Counts of every type, in every form, equal to what a loop without tricks makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counts.h"
#include "vector.h"

#define N_MAX 5000u

static const enum saem_counts_type dense_types[] = {
	SAEM_U8, SAEM_U16, SAEM_U32, SAEM_U64, SAEM_I32, SAEM_I64, SAEM_F32, SAEM_F64, SAEM_BOOL};
#define N_TYPES (sizeof dense_types / sizeof dense_types[0])

static const size_t widths[] = {
	[SAEM_U8] = 1,
	[SAEM_U16] = 2,
	[SAEM_U32] = 4,
	[SAEM_U64] = 8,
	[SAEM_I32] = 4,
	[SAEM_I64] = 8,
	[SAEM_F32] = 4,
	[SAEM_F64] = 8,
	[SAEM_BOOL] = 1,
};

/* Room for any type, one byte off any alignment. */
static uint8_t room[8 * N_MAX + 1];

static void put(enum saem_counts_type type, size_t i, double number) {
	uint8_t *at = room + 1 + widths[type] * i;
	const union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		int32_t i32;
		int64_t i64;
		float f32;
		double f64;
	} as[] = {
		[SAEM_U8] = {.u8 = (uint8_t)number},
		[SAEM_U16] = {.u16 = (uint16_t)number},
		[SAEM_U32] = {.u32 = (uint32_t)(int64_t)number},
		[SAEM_U64] = {.i64 = (int64_t)number},
		[SAEM_I32] = {.i32 = (int32_t)number},
		[SAEM_I64] = {.i64 = (int64_t)number},
		[SAEM_F32] = {.f32 = (float)number},
		[SAEM_F64] = {.f64 = number},
		[SAEM_BOOL] = {.u8 = (uint8_t)number},
	};
	memcpy(at, &as[type], widths[type]);
}

static struct vector vector_of(enum saem_counts_type type, uint32_t n) {
	return (struct vector){.type = type, .data = room + 1, .n_entries = n, .d_sae = n};
}

/* ---- forms ---- */

static uint32_t count_of(enum saem_counts_type type, uint32_t i, uint32_t max) {
	uint32_t scattered = i * 2654435761u >> 7;

	if (scattered % 5 == 0 || max == 0) {
		return 0;
	}
	return type == SAEM_BOOL ? 1 : i == 17 ? max : scattered % max;
}

/* The wire's form back as dense counts. */
static void unpack(
	enum counts_form form, const uint8_t *data, uint32_t n, uint32_t n_pairs, uint32_t *out) {
	size_t width = form == COUNTS_U8 ? 1 : form == COUNTS_U16 || form == COUNTS_PAIRS16 ? 2 : 4;
	bool pairs = form == COUNTS_PAIRS16 || form == COUNTS_PAIRS32;
	const uint8_t *values = pairs ? data + 4 * (size_t)n_pairs : data;

	memset(out, 0, 4 * (size_t)n);
	for (size_t i = 0; i < (pairs ? n_pairs : n); i++) {
		uint32_t index = (uint32_t)i;
		if (pairs) {
			memcpy(&index, data + 4 * i, 4);
		}
		assert_true(index < n);
		memcpy(&out[index], values + width * i, width);
	}
}

static void check_form(
	const struct vector *v, enum counts_form form, const uint32_t *expected, struct survey s) {
	static uint32_t unpacked[N_MAX];
	size_t size = counts_size(form, s.n_nonzero, v->d_sae);
	uint8_t *out = malloc(size + 1);

	out[size] = 0xa5;
	struct survey again = vector_read(v, form, s.n_nonzero, out);
	assert_false(again.flawed);
	assert_int_equal(again.max, s.max);
	assert_int_equal(again.n_nonzero, s.n_nonzero);
	assert_int_equal(out[size], 0xa5);
	unpack(form, out, v->d_sae, s.n_nonzero, unpacked);
	assert_memory_equal(unpacked, expected, 4 * (size_t)v->d_sae);
	const struct counts counts = {form,
		form == COUNTS_PAIRS16 || form == COUNTS_PAIRS32 ? s.n_nonzero : v->d_sae, out,
		size};
	assert_null(counts_check(&counts, v->d_sae, s.max == 0 ? 1 : s.max));
	free(out);
}

static void check_all_forms(const struct vector *v, const uint32_t *expected) {
	struct survey s = vector_read(v, COUNTS_NONE, 0, NULL);
	uint32_t max = 0;
	uint32_t n_nonzero = 0;
	for (uint32_t i = 0; i < v->d_sae; i++) {
		max = expected[i] > max ? expected[i] : max;
		n_nonzero += expected[i] != 0;
	}

	assert_false(s.flawed);
	assert_int_equal(s.max, max);
	assert_int_equal(s.n_nonzero, n_nonzero);
	check_form(v, COUNTS_U32, expected, s);
	check_form(v, COUNTS_PAIRS32, expected, s);
	if (max <= UINT16_MAX) {
		check_form(v, COUNTS_U16, expected, s);
		check_form(v, COUNTS_PAIRS16, expected, s);
	}
	if (max <= UINT8_MAX) {
		check_form(v, COUNTS_U8, expected, s);
	}
}

static void every_type_is_written_exactly_in_every_form(void **state) {
	static const uint32_t lengths[] = {1, 7, 8, 31, 33, 2047, 2048, 2049, N_MAX};
	static const uint32_t maxima[] = {0, 255, 256, 65535, 65536, 1000000, 16777216};
	static uint32_t expected[N_MAX];
	(void)state;

	for (size_t t = 0; t < N_TYPES; t++) {
		for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
			for (size_t m = 0; m < sizeof maxima / sizeof maxima[0]; m++) {
				uint32_t limit = widths[dense_types[t]] == 1   ? 255
						 : widths[dense_types[t]] == 2 ? 65535
									       : UINT32_MAX;
				uint32_t max = maxima[m] < limit ? maxima[m] : limit;
				for (uint32_t i = 0; i < lengths[l]; i++) {
					expected[i] = count_of(dense_types[t], i, max);
					put(dense_types[t], i, expected[i]);
				}
				struct vector v = vector_of(dense_types[t], lengths[l]);
				check_all_forms(&v, expected);
			}
		}
	}
}

static void what_does_not_fit_the_guessed_form_is_still_measured(void **state) {
	uint8_t out[2 * 3000];
	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		put(SAEM_U32, i, i == 2999 ? 4000000000.0 : i == 5 ? 256 : 1);
	}
	struct vector v = vector_of(SAEM_U32, 3000);
	assert_int_equal(vector_read(&v, COUNTS_U8, 0, out).max, 4000000000u);
	assert_int_equal(vector_read(&v, COUNTS_U16, 0, out).max, 4000000000u);
}

/* Its low 16 bits are zero, and it is none. */
static void a_count_of_65536_is_nonzero_in_every_form(void **state) {
	static const enum counts_form forms[] = {
		COUNTS_NONE, COUNTS_U8, COUNTS_U16, COUNTS_U32, COUNTS_PAIRS16, COUNTS_PAIRS32};
	uint8_t out[8 * 3000];
	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		put(SAEM_U32, i, i % 3 == 0 ? 0 : i == 7 ? 65536 : 1);
	}
	struct vector v = vector_of(SAEM_U32, 3000);
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct survey s = vector_read(&v, forms[i], 3000, out);
		assert_int_equal(s.max, 65536);
		assert_int_equal(s.n_nonzero, 2000);
	}
}

static void pairs_become_whatever_is_smallest(void **state) {
	static uint32_t expected[N_MAX];
	static uint32_t indices[N_MAX];
	static uint32_t counts[N_MAX];
	uint32_t n = 0;
	(void)state;
	for (uint32_t i = 0; i < N_MAX; i += 3) {
		indices[n] = i;
		counts[n++] = expected[i] = i % 251; /* a zero among them is no pair */
	}
	const struct vector v = {SAEM_PAIRS_U32, counts, indices, n, N_MAX};
	check_all_forms(&v, expected);

	const struct vector none = {SAEM_PAIRS_U32, counts, indices, 0, N_MAX};
	memset(expected, 0, sizeof expected);
	check_all_forms(&none, expected);
}

/* ---- flaws ---- */

static void expect_flaw(enum saem_counts_type type, double number, const char *words) {
	char found[128];

	for (uint32_t at = 0; at < 2100; at += 699) {
		for (uint32_t i = 0; i < 2100; i++) {
			put(type, i, i == at ? number : 3);
		}
		struct vector v = vector_of(type, 2100);
		struct survey s = vector_read(&v, COUNTS_NONE, 0, NULL);
		assert_true(s.flawed || s.max > 4096);
		vector_explain(&v, "fired", 4096, found, sizeof found);
		assert_non_null(strstr(found, words));
		assert_int_equal(strncmp(found, "fired[", 6), 0);
		assert_int_equal(strtoul(found + 6, NULL, 10), at);
	}
}

static void a_count_that_is_none_is_named_with_its_place(void **state) {
	(void)state;
	expect_flaw(SAEM_U16, 4097, "4097, above n_rows 4096");
	expect_flaw(SAEM_U32, 4294967295.0, "above n_rows 4096");
	expect_flaw(SAEM_U64, 4294967296.0, "4294967296, above n_rows");
	expect_flaw(SAEM_I32, -1, "-1, below zero");
	expect_flaw(SAEM_I64, -1, "-1, below zero");
	expect_flaw(SAEM_I64, -9e18, "below zero");
	expect_flaw(SAEM_F32, -1, "below zero");
	expect_flaw(SAEM_F32, 0.5, "0.5, not a whole number");
	expect_flaw(SAEM_F32, 1e-45, "not a whole number");
	expect_flaw(SAEM_F32, NAN, "not a number");
	expect_flaw(SAEM_F32, INFINITY, "above n_rows");
	expect_flaw(SAEM_F32, -INFINITY, "below zero");
	expect_flaw(SAEM_F32, 3e9, "above n_rows");
	expect_flaw(SAEM_F64, 4095.9999999999995, "not a whole number");
	expect_flaw(SAEM_F64, NAN, "not a number");
	expect_flaw(SAEM_F64, -NAN, "not a number");
	expect_flaw(SAEM_F64, 1e300, "above n_rows");
	expect_flaw(SAEM_F64, 2147483648.0, "above n_rows");
}

static void minus_zero_is_zero(void **state) {
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		put(SAEM_F32, i, -0.0);
	}
	struct vector v = vector_of(SAEM_F32, 100);
	assert_int_equal(vector_read(&v, COUNTS_NONE, 0, NULL).n_nonzero, 0);
	assert_false(vector_read(&v, COUNTS_NONE, 0, NULL).flawed);
	for (uint32_t i = 0; i < 100; i++) {
		put(SAEM_F64, i, -0.0);
	}
	v.type = SAEM_F64;
	assert_false(vector_read(&v, COUNTS_NONE, 0, NULL).flawed);
}

static void a_float_counts_as_far_as_it_is_read(void **state) {
	char words[128];
	(void)state;
	put(SAEM_F64, 0, 2147483647.0);
	put(SAEM_F64, 1, 2147483648.0);
	struct vector v = vector_of(SAEM_F64, 1);
	assert_int_equal(vector_read(&v, COUNTS_NONE, 0, NULL).max, 2147483647u);
	v.n_entries = 2;
	assert_true(vector_read(&v, COUNTS_NONE, 0, NULL).flawed);
	vector_explain(&v, "fired", UINT32_MAX, words, sizeof words);
	assert_string_equal(words, "fired[1] is 2147483648, more than a float may count");
}

static void indices_must_ascend_and_stay_below_d_sae(void **state) {
	const uint32_t counts[] = {1, 2, 3};
	const uint32_t twice[] = {4, 4, 5};
	const uint32_t high[] = {4, 5, 10};
	uint8_t out[40];
	char words[128];
	(void)state;

	struct vector v = {SAEM_PAIRS_U32, counts, twice, 3, 10};
	assert_true(vector_read(&v, COUNTS_NONE, 0, NULL).flawed);
	vector_explain(&v, "positive", 100, words, sizeof words);
	assert_string_equal(words, "positive: index 4 comes after 4: they must ascend");

	v.indices = high;
	assert_true(
		vector_read(&v, COUNTS_U32, 0, out).flawed); /* and writes nothing behind the end */
	vector_explain(&v, "positive", 100, words, sizeof words);
	assert_string_equal(words, "positive: index 10 is not below d_sae 10");
}

static void more_pairs_than_there_is_room_for_are_counted_and_not_written(void **state) {
	uint8_t out[6 * 2 + 1];
	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		put(SAEM_U32, i, i == 4999 ? 77 : 1);
	}
	struct vector v = vector_of(SAEM_U32, 5000);
	out[12] = 0xa5;
	struct survey s = vector_read(&v, COUNTS_PAIRS16, 2, out);
	assert_int_equal(s.n_nonzero, 5000);
	assert_int_equal(s.max, 77);
	assert_int_equal(out[12], 0xa5);
}

static void fewer_pairs_than_there_is_room_for_lie_together(void **state) {
	uint8_t out[6 * 100];
	const uint32_t indices[] = {3, 4000};
	const uint16_t values[] = {3, 4000};
	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		put(SAEM_U32, i, i == 3 || i == 4000 ? i : 0);
	}
	struct vector v = vector_of(SAEM_U32, 5000);
	assert_int_equal(vector_read(&v, COUNTS_PAIRS16, 100, out).n_nonzero, 2);
	assert_memory_equal(out, indices, sizeof indices);
	assert_memory_equal(out + sizeof indices, values, sizeof values);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_written_exactly_in_every_form),
		cmocka_unit_test(what_does_not_fit_the_guessed_form_is_still_measured),
		cmocka_unit_test(a_count_of_65536_is_nonzero_in_every_form),
		cmocka_unit_test(pairs_become_whatever_is_smallest),
		cmocka_unit_test(a_count_that_is_none_is_named_with_its_place),
		cmocka_unit_test(minus_zero_is_zero),
		cmocka_unit_test(a_float_counts_as_far_as_it_is_read),
		cmocka_unit_test(indices_must_ascend_and_stay_below_d_sae),
		cmocka_unit_test(more_pairs_than_there_is_room_for_are_counted_and_not_written),
		cmocka_unit_test(fewer_pairs_than_there_is_room_for_lie_together),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

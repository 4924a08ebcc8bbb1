#include "firing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEFORE UINT32_MAX /* the step before step 0 */

/* A vector in a wire form, at an odd address as a frame may have it. */
static struct counts encode(
	enum counts_form form, const uint32_t *counts, uint32_t d_sae, uint8_t *room) {
	static const uint8_t widths[] = {0, 1, 2, 4, 2, 4};
	struct counts c = {.form = form, .data = room + 1, .n_entries = d_sae};
	uint8_t *out = room + 1;

	if (form >= COUNTS_PAIRS16) {
		c.n_entries = 0;
		for (uint32_t i = 0; i < d_sae; i++) {
			if (counts[i] != 0) {
				memcpy(out + 4 * c.n_entries++, &i, 4);
			}
		}
		out += (size_t)c.n_entries * 4;
	}
	for (uint32_t i = 0; i < d_sae; i++) {
		if (form < COUNTS_PAIRS16 || counts[i] != 0) {
			memcpy(out, &counts[i], widths[form]);
			out += widths[form];
		}
	}
	c.len = (size_t)(out - c.data);
	return c;
}

static uint32_t random_next(uint64_t *state) {
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* The definition, one feature at a time. */
static void fold_plainly(struct firing *f, const uint32_t *nonzero, const uint32_t *positive,
	bool fires_nonzero, uint32_t step, uint32_t dead_window, struct fold_sums *sums) {
	*sums = (struct fold_sums){0};
	for (uint32_t i = 0; i < f->d_sae; i++) {
		uint32_t fires = fires_nonzero ? nonzero[i] : positive[i];
		f->window[i] += nonzero[i];
		sums->nonzero += nonzero[i];
		sums->positive += positive[i];
		if (fires != 0) {
			sums->revived += (int64_t)step - 1 - (int32_t)f->last[i] > dead_window;
			f->last[i] = step;
		}
	}
}

static void assert_same(const struct firing *a, const struct firing *b) {
	assert_memory_equal(a->window, b->window, a->d_sae * sizeof(*a->window));
	assert_memory_equal(a->last, b->last, a->d_sae * sizeof(*a->last));
	assert_memory_equal(a->base, b->base, a->d_sae * sizeof(*a->base));
}

/* What fits a form; of the wide ones, enough that the sums of a block pass 32 bits. */
static uint32_t largest(enum counts_form form) {
	switch (form) {
	case COUNTS_U8:
		return UINT8_MAX;
	case COUNTS_U16:
	case COUNTS_PAIRS16:
		return UINT16_MAX;
	default:
		return 70000000;
	}
}

static void fold_random_steps(
	uint32_t d_sae, enum counts_form form, enum counts_form positive_form, bool fires_nonzero) {
	uint64_t seed = d_sae * 31u + form * 7u + positive_form;
	uint32_t limit =
		largest(form) < largest(positive_form) ? largest(form) : largest(positive_form);
	uint32_t *nonzero = calloc(d_sae, 4);
	uint32_t *positive = calloc(d_sae, 4);
	uint8_t *room = malloc(d_sae * 8 + 8);
	uint8_t *positive_room = malloc(d_sae * 8 + 8);
	struct firing fast, plain;

	assert_int_equal(firing_init(&fast, d_sae, BEFORE), 0);
	assert_int_equal(firing_init(&plain, d_sae, BEFORE), 0);
	for (uint32_t step = 0; step < 12; step++) {
		for (uint32_t i = 0; i < d_sae; i++) {
			nonzero[i] = random_next(&seed) % 4 ? 0 : random_next(&seed) % (limit + 1);
			positive[i] = positive_form == COUNTS_NONE ? nonzero[i]
				      : random_next(&seed) % 2     ? 0
								   : nonzero[i] / 2;
		}
		struct counts c = encode(form, nonzero, d_sae, room);
		struct counts p = encode(positive_form, positive, d_sae, positive_room);
		struct fold_sums got, want;
		firing_fold(&fast, &c, &p, fires_nonzero, step, 2, &got);
		fold_plainly(&plain, nonzero, positive, fires_nonzero, step, 2, &want);
		assert_same(&fast, &plain);
		assert_int_equal(got.nonzero, want.nonzero);
		assert_int_equal(got.positive, want.positive);
		assert_int_equal(got.revived, want.revived);
	}
	firing_finish(&fast);
	firing_finish(&plain);
	free(nonzero);
	free(positive);
	free(room);
	free(positive_room);
}

static void every_form_folds_to_the_same_state(void **state) {
	(void)state;
	static const uint32_t sizes[] = {1, 7, 8, 33, 1023, 1024, 1025, 2500};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (enum counts_form form = COUNTS_U8; form <= COUNTS_PAIRS32; form++) {
			fold_random_steps(sizes[i], form, COUNTS_NONE, false);
			fold_random_steps(sizes[i], form, COUNTS_NONE, true);
		}
	}
}

static void signed_activations_fire_by_the_profiles_word(void **state) {
	(void)state;
	for (enum counts_form form = COUNTS_U8; form <= COUNTS_PAIRS32; form++) {
		fold_random_steps(1030, COUNTS_U32, form, false);
		fold_random_steps(1030, COUNTS_U32, form, true);
	}
}

static void a_step_folds_as_by_hand(void **state) {
	(void)state;
	struct firing f;
	struct fold_sums sums;

	assert_int_equal(firing_init(&f, 4, BEFORE), 0);
	struct counts first = {COUNTS_U8, 4, (const uint8_t[]){2, 1, 0, 0}, 4};
	struct counts none = {COUNTS_PAIRS16, 0, NULL, 0};
	struct counts second = {COUNTS_U8, 4, (const uint8_t[]){0, 3, 0, 1}, 4};
	firing_fold(&f, &first, NULL, false, 0, 1, &sums);
	assert_int_equal(sums.positive, 3);
	assert_int_equal(sums.revived, 0);
	firing_fold(&f, &none, NULL, false, 1, 1, &sums);
	/* After step 1: passes since fired are 1, 1, 2, 2. */
	assert_int_equal(firing_sum_passes(&f, 1), 6);
	assert_int_equal(firing_count_dead(&f, 1, 1), 2);
	assert_int_equal(firing_count_dead(&f, 1, 0), 4);
	assert_int_equal(firing_count_dead(&f, 1, 2), 0);
	/* The fourth was dead, the second was not. */
	firing_fold(&f, &second, NULL, false, 2, 1, &sums);
	assert_int_equal(sums.revived, 1);
	assert_int_equal(firing_count_never(&f), 1);
	assert_memory_equal(f.window, ((uint32_t[]){2, 4, 0, 1}), 16);
	assert_memory_equal(f.last, ((uint32_t[]){0, 2, BEFORE, 2}), 16);
	firing_finish(&f);
}

static void closing_a_window_keeps_the_all_time_count(void **state) {
	(void)state;
	struct firing f;
	struct fold_sums sums;
	struct counts counts = {COUNTS_U8, 3, (const uint8_t[]){200, 0, 1}, 3};

	assert_int_equal(firing_init(&f, 3, BEFORE), 0);
	for (uint32_t step = 0; step < 3; step++) {
		firing_fold(&f, &counts, NULL, false, step, 1, &sums);
		firing_close_window(&f);
	}
	assert_memory_equal(f.base, ((uint64_t[]){600, 0, 3}), 24);
	assert_memory_equal(f.window, ((uint32_t[]){0, 0, 0}), 12);
	assert_int_equal(firing_count_never(&f), 1);
	firing_finish(&f);
}

static void counts_above_2_to_the_24th_are_not_lost(void **state) {
	(void)state;
	struct firing f;
	struct fold_sums sums;
	uint32_t large = 1u << 24, one = 1;
	struct counts counts = {COUNTS_U32, 1, (const uint8_t *)&large, 4};

	assert_int_equal(firing_init(&f, 1, BEFORE), 0);
	firing_fold(&f, &counts, NULL, false, 0, 1, &sums);
	counts.data = (const uint8_t *)&one;
	firing_fold(&f, &counts, NULL, false, 1, 1, &sums);
	assert_int_equal(f.window[0], 16777217);
	firing_finish(&f);
}

static void a_sum_beyond_32_bits_is_exact(void **state) {
	(void)state;
	struct firing f;
	struct fold_sums sums;
	uint32_t counts[1500];
	struct counts c = {COUNTS_U32, 1500, (const uint8_t *)counts, sizeof(counts)};

	memset(counts, 0xff, sizeof(counts));
	assert_int_equal(firing_init(&f, 1500, BEFORE), 0);
	firing_fold(&f, &c, NULL, false, 0, 1, &sums);
	assert_true(sums.positive == 1500ull * UINT32_MAX);
	firing_finish(&f);
}

static void the_largest_dead_window_is_never_reached(void **state) {
	(void)state;
	struct firing f;

	assert_int_equal(firing_init(&f, 2, BEFORE), 0);
	assert_int_equal(firing_count_dead(&f, STEP_MAX, UINT32_MAX), 0);
	assert_int_equal(firing_count_dead(&f, STEP_MAX, INT32_MAX), 0);
	assert_int_equal(firing_count_dead(&f, STEP_MAX, STEP_MAX), 2);
	assert_true(firing_sum_passes(&f, STEP_MAX) == 2ull * (STEP_MAX + 1ull));
	firing_finish(&f);
}

static void going_back_makes_nothing_fire_in_the_future(void **state) {
	(void)state;
	struct firing f;
	struct fold_sums sums;
	struct counts counts = {COUNTS_U8, 2, (const uint8_t[]){1, 0}, 2};

	assert_int_equal(firing_init(&f, 2, BEFORE), 0);
	firing_fold(&f, &counts, NULL, false, 9, 100, &sums);
	firing_clamp_last(&f, 4);
	assert_memory_equal(f.last, ((uint32_t[]){4, BEFORE}), 8);
	firing_clamp_last(&f, BEFORE);
	assert_memory_equal(f.last, ((uint32_t[]){BEFORE, BEFORE}), 8);
	firing_finish(&f);
}

static void the_ranks_counts_add_up_in_any_form(void **state) {
	(void)state;
	uint32_t counts[19], sums[19] = {0};
	uint8_t room[19 * 8 + 8];

	for (uint32_t i = 0; i < 19; i++) {
		counts[i] = i % 3 * 100;
	}
	for (enum counts_form form = COUNTS_U8; form <= COUNTS_PAIRS32; form++) {
		struct counts c = encode(form, counts, 19, room);
		counts_add(sums, 19, &c);
	}
	for (uint32_t i = 0; i < 19; i++) {
		assert_int_equal(sums[i], 5 * counts[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_folds_to_the_same_state),
		cmocka_unit_test(signed_activations_fire_by_the_profiles_word),
		cmocka_unit_test(a_step_folds_as_by_hand),
		cmocka_unit_test(closing_a_window_keeps_the_all_time_count),
		cmocka_unit_test(counts_above_2_to_the_24th_are_not_lost),
		cmocka_unit_test(a_sum_beyond_32_bits_is_exact),
		cmocka_unit_test(the_largest_dead_window_is_never_reached),
		cmocka_unit_test(going_back_makes_nothing_fire_in_the_future),
		cmocka_unit_test(the_ranks_counts_add_up_in_any_form),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

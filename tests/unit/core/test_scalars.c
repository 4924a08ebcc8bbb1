#include "scalars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "near.h"

static void give(struct scalars *s, enum scalar scalar, double value) {
	s->present |= 1u << scalar;
	s->value[scalar] = value;
}

/* What a rank with two rows says of their distances from their mean, and of the errors. */
static struct scalars two_rows(void) {
	struct scalars s = {.n_rows = 2};

	give(&s, SCALAR_EV_COUNT, 2);
	give(&s, SCALAR_EV_MEAN, 0.875);
	give(&s, SCALAR_EV_M2, 2 * 0.125 * 0.125);
	give(&s, SCALAR_L2_SUM, 0.25);
	give(&s, SCALAR_TV_SUM, 2);
	return s;
}

static void names_of_scalars_lead_back_to_them(void **state) {
	(void)state;
	for (int i = 0; i < SCALAR_COUNT; i++) {
		const char *name = scalar_name(i);
		assert_int_equal(scalar_find(text_of(name, strlen(name))), i);
	}
	assert_int_equal(scalar_find(text_of("l", 1)), -1);
	assert_int_equal(scalar_find(text_of("l00", 3)), -1);
	assert_int_equal(scalar_find(text_of("grad_norm", 9)), -1);
	assert_int_equal(scalar_find((struct text){0}), -1);
}

static void per_row_moments_of_ranks_merge_as_if_one_had_seen_all(void **state) {
	(void)state;
	/* 1, 2, 4 and 9 on one rank and 3 and 5 on the other: mean 4, squares 40. */
	struct scalars a = {.n_rows = 4}, b = {.n_rows = 2};

	give(&a, SCALAR_EV_COUNT, 4);
	give(&a, SCALAR_EV_MEAN, 4);
	give(&a, SCALAR_EV_M2, 9 + 4 + 0 + 25);
	give(&b, SCALAR_EV_COUNT, 2);
	give(&b, SCALAR_EV_MEAN, 4);
	give(&b, SCALAR_EV_M2, 2);
	scalars_merge(&a, &b);
	assert_int_equal(a.n_rows, 6);
	assert_near(a.value[SCALAR_EV_COUNT], 6, 0);
	assert_near(a.value[SCALAR_EV_MEAN], 4, 1e-15);
	assert_near(a.value[SCALAR_EV_M2], 40, 1e-15);
	/* And one row of 11: mean 5, squares 16 + 9 + 1 + 16 + 4 + 0 + 36. */
	struct scalars c = {.n_rows = 1};
	give(&c, SCALAR_EV_COUNT, 1);
	give(&c, SCALAR_EV_MEAN, 11);
	give(&c, SCALAR_EV_M2, 0);
	scalars_merge(&a, &c);
	assert_near(a.value[SCALAR_EV_MEAN], 5, 1e-15);
	assert_near(a.value[SCALAR_EV_M2], 82, 1e-15);
}

static void infinite_ratios_on_two_ranks_stay_infinite(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 2}, b = {.n_rows = 2};

	for (enum scalar i = SCALAR_EV_COUNT; i <= SCALAR_EV_M2; i++) {
		give(&a, i, i == SCALAR_EV_COUNT ? 2 : -(double)INFINITY);
		give(&b, i, i == SCALAR_EV_COUNT ? 2 : -(double)INFINITY);
	}
	scalars_merge(&a, &b);
	assert_near(a.value[SCALAR_EV_MEAN], -(double)INFINITY, 0);
	assert_true(isnan(a.value[SCALAR_EV_M2]));
	b.value[SCALAR_EV_MEAN] = 0.5;
	scalars_merge(&a, &b);
	assert_near(a.value[SCALAR_EV_MEAN], -(double)INFINITY, 0);
}

static void losses_merge_weighted_by_rows(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 1}, b = {.n_rows = 3}, c = {.n_rows = 4};

	give(&a, SCALAR_MSE_LOSS, 8);
	give(&b, SCALAR_MSE_LOSS, 4);
	give(&c, SCALAR_MSE_LOSS, 1);
	scalars_merge(&a, &b);
	scalars_merge(&a, &c);
	assert_near(a.value[SCALAR_MSE_LOSS], (8 + 12 + 4) / 8.0, 1e-15);
	assert_int_equal(a.approximate, 0);
}

static void a_loss_that_one_rank_did_not_give_is_approximate(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 1}, b = {.n_rows = 3}, c = {.n_rows = 5}, d = {.n_rows = 3};

	give(&b, SCALAR_MSE_LOSS, 4);
	give(&d, SCALAR_MSE_LOSS, 8);
	scalars_merge(&a, &b);
	scalars_merge(&a, &c);
	scalars_merge(&a, &d);
	assert_near(a.value[SCALAR_MSE_LOSS], 6, 1e-15); /* over the rows of those that gave it */
	assert_int_equal(a.approximate, 1u << SCALAR_MSE_LOSS);
	assert_int_equal(a.n_rows, 12);
}

static void a_value_all_ranks_share_is_exact(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 3}, b = {.n_rows = 7};

	give(&a, SCALAR_EXPLAINED_VARIANCE, 0.1);
	give(&b, SCALAR_EXPLAINED_VARIANCE, 0.1);
	give(&a, SCALAR_GHOST_GRAD_LOSS, (double)INFINITY);
	give(&b, SCALAR_GHOST_GRAD_LOSS, (double)INFINITY);
	scalars_merge(&a, &b);
	assert_true(a.value[SCALAR_EXPLAINED_VARIANCE] == 0.1);
	assert_near(a.value[SCALAR_GHOST_GRAD_LOSS], (double)INFINITY, 0);
	assert_int_equal(a.approximate, 0);
}

static void a_sum_that_one_rank_did_not_give_is_no_longer_known(void **state) {
	(void)state;
	struct scalars a = two_rows(), b = two_rows(), c = two_rows();

	scalars_merge(&a, &b);
	assert_near(a.value[SCALAR_L2_SUM], 0.5, 0);
	c.present &= ~(1u << SCALAR_L2_SUM | 1u << SCALAR_EV_M2);
	scalars_merge(&a, &c);
	assert_false(a.present >> SCALAR_L2_SUM & 1);
	assert_false(a.present >> SCALAR_EV_MEAN & 1);
	assert_true(a.present >> SCALAR_TV_SUM & 1);
	assert_near(a.value[SCALAR_TV_SUM], 6, 0);
	scalars_merge(&a, &b);
	assert_false(a.present >> SCALAR_L2_SUM & 1);
}

static void nan_activations_add_up_over_the_ranks_that_had_some(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 1}, b = {.n_rows = 1}, c = {.n_rows = 1};

	give(&b, SCALAR_N_NAN_ACTS, 3);
	give(&c, SCALAR_N_NAN_ACTS, 4);
	scalars_merge(&a, &b);
	scalars_merge(&a, &c);
	assert_near(a.value[SCALAR_N_NAN_ACTS], 7, 0);
}

static void ranks_that_must_agree_and_do_not_are_reported(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 1}, b = {.n_rows = 1};

	give(&a, SCALAR_CURRENT_LEARNING_RATE, 0.1);
	give(&b, SCALAR_CURRENT_LEARNING_RATE, 0.1);
	give(&b, SCALAR_L1_COEFFICIENT, (double)NAN);
	scalars_merge(&a, &b);
	scalars_merge(&a, &b);
	assert_int_equal(a.disagree, 0);
	assert_true(isnan(a.value[SCALAR_L1_COEFFICIENT]));
	b.value[SCALAR_CURRENT_LEARNING_RATE] = 0.2;
	scalars_merge(&a, &b);
	assert_int_equal(a.disagree, 1u << SCALAR_CURRENT_LEARNING_RATE);
	assert_near(a.value[SCALAR_CURRENT_LEARNING_RATE], 0.1, 0);
}

static void extras_are_means_over_the_ranks_that_gave_them(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 1, .n_extras = 70}, b = {.n_rows = 3, .n_extras = 70};

	a.extras_present[0] = 1;
	a.extras[0] = 4;
	b.extras_present[0] = 1;
	b.extras[0] = 8;
	b.extras_present[1] = 1u << 5; /* the 70th */
	b.extras[69] = 2.5;
	scalars_merge(&a, &b);
	assert_near(a.extras[0], 7, 1e-15);
	assert_near(a.extras[69], 2.5, 0);
	assert_int_equal(a.extras_present[1], 1u << 5);
	scalars_merge(&a, &b);
	assert_near(a.extras[69], 2.5, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_scalars_lead_back_to_them),
		cmocka_unit_test(per_row_moments_of_ranks_merge_as_if_one_had_seen_all),
		cmocka_unit_test(infinite_ratios_on_two_ranks_stay_infinite),
		cmocka_unit_test(losses_merge_weighted_by_rows),
		cmocka_unit_test(a_loss_that_one_rank_did_not_give_is_approximate),
		cmocka_unit_test(a_value_all_ranks_share_is_exact),
		cmocka_unit_test(a_sum_that_one_rank_did_not_give_is_no_longer_known),
		cmocka_unit_test(nan_activations_add_up_over_the_ranks_that_had_some),
		cmocka_unit_test(ranks_that_must_agree_and_do_not_are_reported),
		cmocka_unit_test(extras_are_means_over_the_ranks_that_gave_them),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

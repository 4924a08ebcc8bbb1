#include "measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "near.h"

static const struct profile *profile(const char *name) {
	return profile_find(text_of(name, strlen(name)));
}

static void give(struct scalars *s, enum scalar scalar, double value) {
	s->present |= 1u << scalar;
	s->value[scalar] = value;
}

/* Two rows at distance 1 from their mean, squared errors 0.25 and 0, two dimensions: ratios
 * 0.75 and 1. */
static struct scalars two_rows(void) {
	struct scalars s = {.n_rows = 2};

	give(&s, SCALAR_EV_COUNT, 2);
	give(&s, SCALAR_EV_MEAN, 0.875);
	give(&s, SCALAR_EV_M2, 2 * 0.125 * 0.125);
	give(&s, SCALAR_L2_SUM, 0.25);
	give(&s, SCALAR_TV_SUM, 2);
	give(&s, SCALAR_MSE_NUM, 0.25);
	give(&s, SCALAR_MSE_DEN, 4);
	give(&s, SCALAR_LP_SUM, 2);
	give(&s, SCALAR_L1_COEFFICIENT, 0.5);
	return s;
}

static const struct fold_sums two_each = {.positive = 2, .nonzero = 4};

static bool measured(const struct measures *m, enum metric metric) {
	return (m->present >> metric & 1) != 0;
}

static void assert_measure(const struct measures *m, enum metric metric, double want) {
	if (!measured(m, metric)) {
		fail_msg("%s is not there", metric_name(metric));
	}
	assert_near(m->value[metric], want, 1e-14);
}

static void prisma_measures_as_by_hand(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	give(&s, SCALAR_CURRENT_LEARNING_RATE, 0.125);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_measure(&m, METRIC_MSE_LOSS, 0.0625);
	assert_measure(&m, METRIC_L1_LOSS, 1.0);
	assert_measure(&m, METRIC_GHOST_GRAD_LOSS, 0.0);
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.0625 + 0.5);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, 0.875);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE_STD, 0.25 / sqrt(2)); /* Bessel */
	assert_measure(&m, METRIC_L0, 1.0);
	assert_measure(&m, METRIC_FVU, 0.125);
	assert_measure(&m, METRIC_CURRENT_LEARNING_RATE, 0.125);
	assert_false(measured(&m, METRIC_AUX_RECONSTRUCTION_LOSS));
	assert_false(measured(&m, METRIC_EXPLAINED_VARIANCE_LEGACY));
}

static void saelens_measures_as_by_hand(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	measure(profile("saelens"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_measure(&m, METRIC_MSE_LOSS, 0.125);
	assert_measure(&m, METRIC_L1_LOSS, 0.5); /* with the coefficient */
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.625);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, 1 - 0.25 / 2);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE_LEGACY, 0.875);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE_LEGACY_STD, 0.25 / sqrt(2));
	assert_measure(&m, METRIC_L0, 2.0); /* nonzero */
	assert_false(measured(&m, METRIC_GHOST_GRAD_LOSS));
	assert_false(measured(&m, METRIC_EXPLAINED_VARIANCE_STD));
}

static void what_was_given_wins_and_is_not_called_computed(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	give(&s, SCALAR_MSE_LOSS, 7);
	give(&s, SCALAR_EXPLAINED_VARIANCE, 0.5);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_measure(&m, METRIC_MSE_LOSS, 7);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, 0.5);
	assert_measure(&m, METRIC_OVERALL_LOSS, 7.5);
	assert_false(m.computed >> METRIC_MSE_LOSS & 1);
	assert_false(m.computed >> METRIC_EXPLAINED_VARIANCE & 1);
	assert_true(m.computed >> METRIC_OVERALL_LOSS & 1);
	assert_true(m.computed >> METRIC_L0 & 1);
}

static void topk_logs_an_l1_of_zero_in_prisma_and_none_in_saelens(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	measure(profile("prisma"), ARCHITECTURE_TOPK, &s, &two_each, &m);
	assert_measure(&m, METRIC_L1_LOSS, 0);
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.0625);
	s.present &= ~(1u << SCALAR_L1_COEFFICIENT);
	give(&s, SCALAR_AUX_SUM, 3);
	measure(profile("saelens"), ARCHITECTURE_TOPK, &s, &two_each, &m);
	assert_false(measured(&m, METRIC_L1_LOSS));
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.125 + 1.5);
}

static void a_coefficient_of_zero_divides_nothing(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	give(&s, SCALAR_L1_COEFFICIENT, 0);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_measure(&m, METRIC_L1_LOSS, 1.0);
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.0625);
}

static void the_auxiliary_loss_is_for_gated_and_part_of_the_overall(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	give(&s, SCALAR_AUX_SUM, 4);
	give(&s, SCALAR_GHOST_GRAD_LOSS, 0.25);
	measure(profile("prisma"), ARCHITECTURE_GATED, &s, &two_each, &m);
	assert_measure(&m, METRIC_AUX_RECONSTRUCTION_LOSS, 2);
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.0625 + 0.5 + 0.25 + 2);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_false(measured(&m, METRIC_AUX_RECONSTRUCTION_LOSS));
	assert_measure(&m, METRIC_OVERALL_LOSS, 0.0625 + 0.5 + 0.25);
}

static void an_overall_loss_with_a_term_missing_is_not_made_up(void **state) {
	(void)state;
	struct scalars s = two_rows();
	struct measures m;

	measure(profile("prisma"), ARCHITECTURE_GATED, &s, &two_each, &m);
	assert_false(measured(&m, METRIC_OVERALL_LOSS));
	measure(profile("saelens"), ARCHITECTURE_TOPK, &s, &two_each, &m);
	assert_false(measured(&m, METRIC_OVERALL_LOSS));
	measure(profile("prisma"), ARCHITECTURE_OTHER, &s, &two_each, &m);
	assert_false(measured(&m, METRIC_OVERALL_LOSS));
	s.present &= ~(1u << SCALAR_L1_COEFFICIENT);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_measure(&m, METRIC_L1_LOSS, 1);
	assert_false(measured(&m, METRIC_OVERALL_LOSS));
	measure(profile("saelens"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_false(measured(&m, METRIC_L1_LOSS));
	assert_false(measured(&m, METRIC_OVERALL_LOSS));
}

static void a_step_without_losses_gets_none(void **state) {
	(void)state;
	struct scalars s = {.n_rows = 2};
	struct measures m;

	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, NULL, &m);
	assert_int_equal(m.present, 0);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, &two_each, &m);
	assert_int_equal(m.present, 1ull << METRIC_L0);
}

static void one_row_has_no_spread(void **state) {
	(void)state;
	struct scalars s = {.n_rows = 1};
	struct measures m;

	give(&s, SCALAR_EV_COUNT, 1);
	give(&s, SCALAR_EV_MEAN, (double)NAN);
	give(&s, SCALAR_EV_M2, 0);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, NULL, &m);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, (double)NAN);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE_STD, (double)NAN);
}

static void a_row_at_the_mean_makes_the_variance_infinite_and_its_spread_nan(void **state) {
	(void)state;
	struct scalars s = {.n_rows = 3};
	struct measures m;

	give(&s, SCALAR_EV_COUNT, 3);
	give(&s, SCALAR_EV_MEAN, -(double)INFINITY);
	give(&s, SCALAR_EV_M2, 1); /* whatever the trainer made of it */
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &s, NULL, &m);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, -(double)INFINITY);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE_STD, (double)NAN);
}

static void an_approximate_mean_gives_way_to_what_can_be_computed(void **state) {
	(void)state;
	struct scalars a = two_rows(), b = two_rows();
	struct measures m;

	give(&a, SCALAR_EXPLAINED_VARIANCE, 0.1);
	give(&b, SCALAR_EXPLAINED_VARIANCE, 0.3);
	give(&a, SCALAR_L0, 5);
	give(&b, SCALAR_L0, 6);
	scalars_merge(&a, &b);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &a, &two_each, &m);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, 0.875);
	assert_measure(&m, METRIC_L0, 0.5);
	assert_int_equal(measures_disagree(profile("prisma"), &a, &two_each), 0);
	/* Without the moments the mean is the best there is. */
	a.present &= ~(1u << SCALAR_EV_MEAN);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &a, NULL, &m);
	assert_measure(&m, METRIC_EXPLAINED_VARIANCE, 0.2);
	assert_measure(&m, METRIC_L0, 5.5);
}

static void a_loss_that_ranks_gave_differently_is_their_mean_and_not_absent(void **state) {
	(void)state;
	struct scalars a = {.n_rows = 1}, b = {.n_rows = 1};
	struct measures m;

	give(&a, SCALAR_MSE_LOSS, 1);
	give(&b, SCALAR_MSE_LOSS, 1);
	give(&a, SCALAR_GHOST_GRAD_LOSS, 0.2);
	give(&b, SCALAR_GHOST_GRAD_LOSS, 0.4);
	give(&a, SCALAR_L1_LOSS, 3); /* the other rank gave none */
	scalars_merge(&a, &b);
	measure(profile("prisma"), ARCHITECTURE_STANDARD, &a, NULL, &m);
	assert_measure(&m, METRIC_GHOST_GRAD_LOSS, 0.3);
	assert_measure(&m, METRIC_L1_LOSS, 3);
}

static void what_disagrees_with_the_counts_is_noticed(void **state) {
	(void)state;
	const struct profile *p = profile("prisma");
	struct scalars s = two_rows();

	give(&s, SCALAR_L0, 1.0005);
	give(&s, SCALAR_MSE_LOSS, 0.06253);
	give(&s, SCALAR_EXPLAINED_VARIANCE, 0.8757);
	assert_int_equal(measures_disagree(p, &s, &two_each), 0);
	give(&s, SCALAR_L0, 1.002);
	assert_int_equal(measures_disagree(p, &s, &two_each), 1ull << METRIC_L0);
	assert_int_equal(measures_disagree(p, &s, NULL), 0);
	give(&s, SCALAR_MSE_LOSS, 0.0627);
	give(&s, SCALAR_EXPLAINED_VARIANCE, (double)NAN);
	assert_int_equal(measures_disagree(p, &s, &two_each),
		1ull << METRIC_L0 | 1ull << METRIC_MSE_LOSS | 1ull << METRIC_EXPLAINED_VARIANCE);
	/* Nothing to hold it against. */
	s.present = 1u << SCALAR_MSE_LOSS;
	assert_int_equal(measures_disagree(p, &s, NULL), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prisma_measures_as_by_hand),
		cmocka_unit_test(saelens_measures_as_by_hand),
		cmocka_unit_test(what_was_given_wins_and_is_not_called_computed),
		cmocka_unit_test(topk_logs_an_l1_of_zero_in_prisma_and_none_in_saelens),
		cmocka_unit_test(a_coefficient_of_zero_divides_nothing),
		cmocka_unit_test(the_auxiliary_loss_is_for_gated_and_part_of_the_overall),
		cmocka_unit_test(an_overall_loss_with_a_term_missing_is_not_made_up),
		cmocka_unit_test(a_step_without_losses_gets_none),
		cmocka_unit_test(one_row_has_no_spread),
		cmocka_unit_test(a_row_at_the_mean_makes_the_variance_infinite_and_its_spread_nan),
		cmocka_unit_test(an_approximate_mean_gives_way_to_what_can_be_computed),
		cmocka_unit_test(a_loss_that_ranks_gave_differently_is_their_mean_and_not_absent),
		cmocka_unit_test(what_disagrees_with_the_counts_is_noticed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

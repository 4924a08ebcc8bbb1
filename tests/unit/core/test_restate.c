/* The same training, pushed as a run of one trainer and as a run of another, is the same under one of their definitions: the one
 * that its formula, taken from the matrices themselves, says. */
#include "restate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "definition.h"
#include "measure.h"
#include "near.h"

#define ROWS  24
#define WIDTH 6
#define SAE   10
#define STEPS 7

#define TOLERANCE 1e-12

/* What a trainer has in its hands. */
struct batch {
	double in[ROWS][WIDTH], out[ROWS][WIDTH], acts[ROWS][SAE];
	double coefficient, aux;
};

static double next_random(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return (double)(*seed >> 8) / (1 << 24);
}

static void make_batch(struct batch *b, unsigned step) {
	uint32_t seed = step * 2654435761u + 9;

	for (size_t i = 0; i < ROWS; i++) {
		for (size_t j = 0; j < WIDTH; j++) {
			b->in[i][j] = 4 * next_random(&seed) - 1;
			b->out[i][j] = b->in[i][j] + 0.4 * (next_random(&seed) - 0.5);
		}
		for (size_t j = 0; j < SAE; j++) {
			double act = next_random(&seed) - 0.6;
			b->acts[i][j] = act > 0 ? act : 0;
		}
	}
	b->coefficient = 3e-4 * (step + 1); /* it warms up */
	b->aux = 0.01 * step;
}

/* ---- the reference's formulas ---- */

struct row_sums {
	double l2[ROWS], tv[ROWS], l1[ROWS];
};

static void sum_rows(const struct batch *b, struct row_sums *r) {
	*r = (struct row_sums){0};
	for (size_t j = 0; j < WIDTH; j++) {
		double mean = 0;
		for (size_t i = 0; i < ROWS; i++) {
			mean += b->in[i][j] / ROWS;
		}
		for (size_t i = 0; i < ROWS; i++) {
			r->l2[i] += pow(b->out[i][j] - b->in[i][j], 2);
			r->tv[i] += pow(b->in[i][j] - mean, 2);
		}
	}
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t j = 0; j < SAE; j++) {
			r->l1[i] += fabs(b->acts[i][j]);
		}
	}
}

static double mean_of(const double rows[ROWS]) {
	double sum = 0;

	for (size_t i = 0; i < ROWS; i++) {
		sum += rows[i];
	}
	return sum / ROWS;
}

struct reference {
	double ratios, ratios_std, of_means, prisma_mse, summed_mse, l1, weighted_l1;
};

static void refer(const struct batch *b, struct reference *ret) {
	struct row_sums r;
	double ratio[ROWS], spread = 0, normed[ROWS];

	sum_rows(b, &r);
	for (size_t i = 0; i < ROWS; i++) {
		ratio[i] = 1 - r.l2[i] / r.tv[i];
		normed[i] = r.l2[i] / sqrt(r.tv[i]) / WIDTH;
	}
	ret->ratios = mean_of(ratio);
	for (size_t i = 0; i < ROWS; i++) {
		spread += pow(ratio[i] - ret->ratios, 2);
	}
	ret->ratios_std = sqrt(spread / (ROWS - 1));
	ret->of_means = 1 - mean_of(r.l2) / mean_of(r.tv);
	ret->prisma_mse = mean_of(normed);
	ret->summed_mse = mean_of(r.l2);
	ret->l1 = mean_of(r.l1);
	ret->weighted_l1 = b->coefficient * ret->l1;
}

/* ---- what is pushed of it, and what the core makes of that ---- */

static void give(struct scalars *s, enum scalar scalar, double value) {
	s->value[scalar] = value;
	s->present |= 1u << scalar;
}

static void push(const struct batch *b, enum architecture architecture, struct scalars *s,
	struct fold_sums *counts) {
	struct row_sums r;
	struct reference ref;

	sum_rows(b, &r);
	refer(b, &ref);
	*s = (struct scalars){.n_rows = ROWS};
	*counts = (struct fold_sums){0};
	give(s, SCALAR_L2_SUM, mean_of(r.l2) * ROWS);
	give(s, SCALAR_TV_SUM, mean_of(r.tv) * ROWS);
	give(s, SCALAR_EV_COUNT, ROWS);
	give(s, SCALAR_EV_MEAN, ref.ratios);
	give(s, SCALAR_EV_M2, ref.ratios_std * ref.ratios_std * (ROWS - 1));
	give(s, SCALAR_MSE_NUM, ref.prisma_mse * ROWS * WIDTH);
	give(s, SCALAR_MSE_DEN, ROWS * WIDTH);
	give(s, SCALAR_LP_SUM, ref.l1 * ROWS);
	give(s, SCALAR_L1_COEFFICIENT, b->coefficient);
	if (architecture != ARCHITECTURE_STANDARD) {
		give(s, SCALAR_AUX_SUM, b->aux * ROWS);
	}
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t j = 0; j < SAE; j++) {
			counts->positive += b->acts[i][j] > 0;
			counts->nonzero += b->acts[i][j] != 0;
		}
	}
}

static const struct profile *profile(const char *name) {
	const struct profile *found = profile_find((struct text){name, strlen(name)});

	assert_non_null(found);
	return found;
}

/* The means over STEPS steps, as a window of a run under `name` has them. */
static struct restate_from window_of(const char *name, enum architecture architecture) {
	struct restate_from f = {.profile = profile(name),
		.architecture = architecture,
		.step = 99,
		.train_batch_size = ROWS + 1,
		.n_tokens_folded = 100 * ROWS};

	for (unsigned step = 0; step < STEPS; step++) {
		struct batch b;
		struct scalars s;
		struct fold_sums counts;
		struct measures m;
		make_batch(&b, step);
		push(&b, architecture, &s, &counts);
		measure(f.profile, architecture, &s, &counts, &m);
		for (int i = 0; i < METRIC_COUNT; i++) {
			f.metric[i] += (m.present >> i & 1) ? m.value[i] / STEPS : (double)NAN;
		}
		f.ev_mean += s.value[SCALAR_EV_MEAN] / STEPS;
		f.l2_per_row += s.value[SCALAR_L2_SUM] / ROWS / STEPS;
		f.mse_ratio += s.value[SCALAR_MSE_NUM] / s.value[SCALAR_MSE_DEN] / STEPS;
		f.lp_per_row += s.value[SCALAR_LP_SUM] / ROWS / STEPS;
		f.weighted_lp_per_row += b.coefficient * s.value[SCALAR_LP_SUM] / ROWS / STEPS;
		f.aux_per_row +=
			architecture != ARCHITECTURE_STANDARD ? b.aux / STEPS : (double)NAN;
	}
	f.metric[METRIC_N_TRAINING_TOKENS] =
		f.profile->tokens_configured ? f.step * f.train_batch_size : f.n_tokens_folded;
	f.metric[METRIC_DEAD_FEATURES] = 12;
	return f;
}

static struct reference reference_window(void) {
	struct reference sum = {0};

	for (unsigned step = 0; step < STEPS; step++) {
		struct batch b;
		struct reference r;
		make_batch(&b, step);
		refer(&b, &r);
		sum.ratios += r.ratios / STEPS;
		sum.ratios_std += r.ratios_std / STEPS;
		sum.of_means += r.of_means / STEPS;
		sum.prisma_mse += r.prisma_mse / STEPS;
		sum.summed_mse += r.summed_mse / STEPS;
		sum.l1 += r.l1 / STEPS;
		sum.weighted_l1 += r.weighted_l1 / STEPS;
	}
	return sum;
}

static const char *const names[] = {"prisma", "saelens", "saelens-legacy", "native"};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static void of_whichever_run_the_figures_are_those_of_the_definition(void **state) {
	(void)state;
	struct reference ref = reference_window();

	for (size_t i = 0; i < N_NAMES; i++) {
		struct restate_from f = window_of(names[i], ARCHITECTURE_STANDARD);
		struct restated r;

		restate(profile("prisma"), &f, &r);
		assert_near(r.metric[METRIC_EXPLAINED_VARIANCE], ref.ratios, TOLERANCE);
		assert_near(r.metric[METRIC_EXPLAINED_VARIANCE_STD], ref.ratios_std, TOLERANCE);
		assert_true(isnan(r.metric[METRIC_EXPLAINED_VARIANCE_LEGACY]));
		assert_near(r.metric[METRIC_MSE_LOSS], ref.prisma_mse, TOLERANCE);
		assert_near(r.metric[METRIC_L1_LOSS], ref.l1, TOLERANCE);
		assert_near(
			r.metric[METRIC_OVERALL_LOSS], ref.prisma_mse + ref.weighted_l1, TOLERANCE);
		assert_near(r.metric[METRIC_GHOST_GRAD_LOSS], 0, 0);
		assert_near(r.metric[METRIC_FVU], 1 - ref.of_means, TOLERANCE);
		assert_near(r.metric[METRIC_N_TRAINING_TOKENS], 99.0 * (ROWS + 1), 0);

		restate(profile("saelens"), &f, &r);
		assert_near(r.metric[METRIC_EXPLAINED_VARIANCE], ref.of_means, TOLERANCE);
		assert_near(r.metric[METRIC_EXPLAINED_VARIANCE_LEGACY], ref.ratios, TOLERANCE);
		assert_near(
			r.metric[METRIC_EXPLAINED_VARIANCE_LEGACY_STD], ref.ratios_std, TOLERANCE);
		assert_true(isnan(r.metric[METRIC_EXPLAINED_VARIANCE_STD]));
		assert_near(r.metric[METRIC_MSE_LOSS], ref.summed_mse, TOLERANCE);
		assert_near(r.metric[METRIC_L1_LOSS], ref.weighted_l1, TOLERANCE);
		assert_near(
			r.metric[METRIC_OVERALL_LOSS], ref.summed_mse + ref.weighted_l1, TOLERANCE);
		assert_true(isnan(r.metric[METRIC_GHOST_GRAD_LOSS]));
		assert_near(r.metric[METRIC_N_TRAINING_TOKENS], 100.0 * ROWS, 0);

		restate(profile("native"), &f, &r);
		assert_near(r.metric[METRIC_EXPLAINED_VARIANCE], ref.of_means, TOLERANCE);
		assert_near(r.metric[METRIC_MSE_LOSS], ref.summed_mse, TOLERANCE);
		assert_near(r.metric[METRIC_L1_LOSS], ref.l1, TOLERANCE);
		assert_near(
			r.metric[METRIC_OVERALL_LOSS], ref.summed_mse + ref.weighted_l1, TOLERANCE);
	}
}

/* Also of what no formula of ours stands behind. */
static void under_one_definition_runs_of_any_trainer_agree(void **state) {
	(void)state;
	const enum architecture architectures[] = {ARCHITECTURE_STANDARD, ARCHITECTURE_TOPK};

	for (size_t a = 0; a < 2; a++) {
		for (size_t to = 0; to < N_NAMES; to++) {
			struct restate_from first = window_of(names[0], architectures[a]);
			struct restated expected, r;
			restate(profile(names[to]), &first, &expected);
			for (size_t i = 1; i < N_NAMES; i++) {
				struct restate_from f = window_of(names[i], architectures[a]);
				restate(profile(names[to]), &f, &r);
				for (int m = 0; m < METRIC_COUNT; m++) {
					if (m == METRIC_GHOST_GRAD_LOSS ||
						m == METRIC_L1_COEFFICIENT) {
						continue; /* as it was pushed, where it was */
					}
					assert_near(r.metric[m], expected.metric[m], TOLERANCE);
				}
			}
		}
	}
}

static void under_its_own_definitions_a_run_stays_as_it_is(void **state) {
	(void)state;

	for (size_t i = 0; i < N_NAMES; i++) {
		struct restate_from f = window_of(names[i], ARCHITECTURE_GATED);
		struct restated r;
		/* What a trainer gave need not be what the sums say. */
		f.metric[METRIC_MSE_LOSS] = 5;
		f.metric[METRIC_EXPLAINED_VARIANCE] = 0.25;
		f.metric[METRIC_OVERALL_LOSS] = 9;
		restate(f.profile, &f, &r);
		for (int m = 0; m < METRIC_COUNT; m++) {
			if (f.profile->keys[m]) {
				assert_near(r.metric[m], f.metric[m], 0);
				assert_null(r.words[m]);
			}
		}
	}
}

static void check_unknown(const struct restated *r, enum metric metric, const char *words) {
	assert_true(isnan(r->metric[metric]));
	assert_non_null(r->words[metric]);
	assert_string_equal(r->words[metric], words);
}

static void what_was_not_pushed_is_said_not_made_up(void **state) {
	(void)state;
	struct restate_from f = window_of("prisma", ARCHITECTURE_STANDARD);
	struct restated r;

	f.metric[METRIC_FVU] = f.l2_per_row = f.weighted_lp_per_row = (double)NAN;
	f.metric[METRIC_L1_COEFFICIENT] = f.n_tokens_folded = (double)NAN;
	restate(profile("saelens"), &f, &r);
	check_unknown(&r, METRIC_EXPLAINED_VARIANCE, "l2_sum and tv_sum were not pushed");
	check_unknown(&r, METRIC_MSE_LOSS, "l2_sum was not pushed");
	check_unknown(&r, METRIC_L1_LOSS, "lp_sum and l1_coefficient were not pushed");
	check_unknown(&r, METRIC_OVERALL_LOSS, "its mse_loss cannot be told");
	check_unknown(&r, METRIC_N_TRAINING_TOKENS, "the rows were not counted");

	f = window_of("saelens", ARCHITECTURE_STANDARD);
	f.ev_mean = f.mse_ratio = f.lp_per_row = f.train_batch_size = (double)NAN;
	f.metric[METRIC_EXPLAINED_VARIANCE_LEGACY] = (double)NAN;
	f.metric[METRIC_EXPLAINED_VARIANCE_LEGACY_STD] = (double)NAN;
	f.metric[METRIC_L1_COEFFICIENT] = 0;
	restate(profile("prisma"), &f, &r);
	check_unknown(&r, METRIC_EXPLAINED_VARIANCE, "the mean over rows was not pushed");
	check_unknown(&r, METRIC_EXPLAINED_VARIANCE_STD, "the spread over rows was not pushed");
	check_unknown(&r, METRIC_MSE_LOSS, "mse_num and mse_den were not pushed");
	check_unknown(&r, METRIC_L1_LOSS, "lp_sum was not pushed");
	check_unknown(&r, METRIC_N_TRAINING_TOKENS, "train_batch_size is not known");
}

static void an_auxiliary_loss_of_another_kind_cannot_be_told(void **state) {
	(void)state;
	struct restate_from f = window_of("prisma", ARCHITECTURE_GATED);
	struct restated r;

	restate(profile("saelens"), &f, &r);
	check_unknown(&r, METRIC_AUX_RECONSTRUCTION_LOSS,
		"its auxiliary loss is another one, which was not pushed");
	check_unknown(&r, METRIC_OVERALL_LOSS, "its auxiliary loss was not pushed");

	/* Of topk, ViT-Prisma has none. */
	f = window_of("prisma", ARCHITECTURE_TOPK);
	f.aux_per_row = (double)NAN;
	restate(profile("saelens"), &f, &r);
	check_unknown(&r, METRIC_AUX_RECONSTRUCTION_LOSS, "the auxiliary loss was not pushed");
	check_unknown(&r, METRIC_OVERALL_LOSS, "its auxiliary loss was not pushed");
	f = window_of("saelens", ARCHITECTURE_TOPK);
	restate(profile("prisma"), &f, &r);
	assert_true(isnan(r.metric[METRIC_AUX_RECONSTRUCTION_LOSS]));
	assert_null(r.words[METRIC_AUX_RECONSTRUCTION_LOSS]);
	assert_near(r.metric[METRIC_L1_LOSS], 0, 0);
	assert_near(r.metric[METRIC_OVERALL_LOSS], f.mse_ratio, TOLERANCE);
}

static void losses_of_an_architecture_nobody_knows_are_not_added_up(void **state) {
	(void)state;
	struct restate_from f = window_of("prisma", ARCHITECTURE_OTHER);
	struct restated r;

	restate(profile("native"), &f, &r);
	check_unknown(&r, METRIC_OVERALL_LOSS,
		"of which losses its architecture adds it up is not known");
}

static void what_is_counted_differently_says_so(void **state) {
	(void)state;
	struct restate_from f = window_of("prisma", ARCHITECTURE_TOPK);
	struct restated r;

	f.metric[METRIC_MEAN_PASSES_SINCE_FIRED] = 7;
	f.metric[METRIC_MEAN_TOKENS_SINCE_FIRED] = NAN;
	restate(profile("saelens"), &f, &r);
	assert_near(r.metric[METRIC_MEAN_PASSES_SINCE_FIRED], 7, 0);
	assert_non_null(strstr(r.words[METRIC_MEAN_PASSES_SINCE_FIRED], "fires above 0"));
	assert_null(r.words[METRIC_MEAN_TOKENS_SINCE_FIRED]); /* there is none */
	assert_near(r.metric[METRIC_L0], f.metric[METRIC_L0], 0);
	assert_non_null(strstr(r.words[METRIC_L0], "above 0"));
	assert_near(r.metric[METRIC_DEAD_FEATURES], 12, 0);
	assert_non_null(strstr(r.words[METRIC_DEAD_FEATURES], "one step apart"));
	f = window_of("prisma", ARCHITECTURE_STANDARD);
	f.metric[METRIC_MEAN_PASSES_SINCE_FIRED] = 7;
	restate(profile("saelens"), &f, &r);
	assert_null(r.words[METRIC_MEAN_PASSES_SINCE_FIRED]); /* none is negative */
	f = window_of("saelens", ARCHITECTURE_TOPK);
	f.metric[METRIC_MEAN_PASSES_SINCE_FIRED] = 7;
	restate(profile("native"), &f, &r);
	assert_null(r.words[METRIC_MEAN_PASSES_SINCE_FIRED]);
	assert_null(r.words[METRIC_L0]);
	assert_null(r.words[METRIC_DEAD_FEATURES]);
}

/* The words of two profiles are the same where, and only where, their figures are. */
static void definitions_in_words_are_told_apart_as_the_figures_are(void **state) {
	(void)state;
	const enum metric metrics[] = {
		METRIC_EXPLAINED_VARIANCE, METRIC_MSE_LOSS, METRIC_L1_LOSS, METRIC_OVERALL_LOSS};

	for (size_t i = 0; i < N_NAMES; i++) {
		for (size_t j = 0; j < N_NAMES; j++) {
			struct restate_from a = window_of(names[i], ARCHITECTURE_STANDARD);
			struct restate_from b = window_of(names[j], ARCHITECTURE_STANDARD);
			for (size_t k = 0; k < 4; k++) {
				enum metric m = metrics[k];
				bool same_words = strcmp(metric_definition(a.profile, m),
							  metric_definition(b.profile, m)) == 0;
				assert_int_equal(
					same_words, near(a.metric[m], b.metric[m], TOLERANCE));
			}
		}
	}
	assert_null(metric_definition(profile("prisma"), METRIC_FVU));
	assert_int_equal(metric_find("below_1e-5"), METRIC_BELOW_1E_5);
	assert_int_equal(metric_find("shrinkage"), -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_whichever_run_the_figures_are_those_of_the_definition),
		cmocka_unit_test(under_one_definition_runs_of_any_trainer_agree),
		cmocka_unit_test(under_its_own_definitions_a_run_stays_as_it_is),
		cmocka_unit_test(what_was_not_pushed_is_said_not_made_up),
		cmocka_unit_test(an_auxiliary_loss_of_another_kind_cannot_be_told),
		cmocka_unit_test(losses_of_an_architecture_nobody_knows_are_not_added_up),
		cmocka_unit_test(what_is_counted_differently_says_so),
		cmocka_unit_test(definitions_in_words_are_told_apart_as_the_figures_are),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

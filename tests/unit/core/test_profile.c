#include "profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct text text(const char *words) {
	return text_of(words, strlen(words));
}

static void no_profile_named_means_prisma(void **state) {
	(void)state;
	assert_string_equal(profile_find((struct text){0})->name, "prisma");
	assert_string_equal(profile_find(text("saelens"))->name, "saelens");
	assert_string_equal(profile_find(text("native"))->name, "native");
}

static void an_unknown_profile_is_not_guessed(void **state) {
	(void)state;
	assert_null(profile_find(text("")));
	assert_null(profile_find(text("prism")));
	assert_null(profile_find(text("prismatic")));
	assert_null(profile_find(text("Prisma")));
}

static void prisma_logs_the_tracking_documents_keys(void **state) {
	(void)state;
	static const char *const keys[] = {
		"losses/mse_loss",
		"losses/l1_loss",
		"losses/ghost_grad_loss",
		"losses/overall_loss",
		"losses/aux_reconstruction_loss",
		"metrics/explained_variance",
		"metrics/explained_variance_std",
		"metrics/l0",
		"sparsity/mean_passes_since_fired",
		"sparsity/dead_features",
		"details/current_learning_rate",
		"details/n_training_tokens",
		"details/n_training_images",
		"metrics/mean_log10_feature_sparsity",
		"sparsity/below_1e-5",
		"sparsity/below_1e-6",
		"plots/log_feature_density_histogram",
	};
	const struct profile *p = profile_find(text("prisma"));
	size_t n = 0;

	for (enum metric i = 0; i < METRIC_FVU; i++) {
		if (p->keys[i]) {
			assert_string_equal(p->keys[i], keys[n++]);
		}
	}
	assert_int_equal(n, sizeof(keys) / sizeof(*keys));
}

static void no_key_of_a_profile_means_two_things(void **state) {
	(void)state;
	static const char *const profiles[] = {"prisma", "saelens", "saelens-legacy", "native"};

	for (size_t k = 0; k < sizeof(profiles) / sizeof(*profiles); k++) {
		const struct profile *p = profile_find(text(profiles[k]));
		for (enum metric i = 0; i < METRIC_COUNT; i++) {
			for (enum metric j = i + 1; p->keys[i] && j < METRIC_COUNT; j++) {
				assert_true(!p->keys[j] || strcmp(p->keys[i], p->keys[j]) != 0);
			}
		}
	}
}

static void every_metric_has_a_name_and_native_keys_are_those_names(void **state) {
	(void)state;
	const struct profile *native = profile_find(text("native"));

	for (enum metric i = 0; i < METRIC_COUNT; i++) {
		assert_non_null(metric_name(i));
		if (native->keys[i]) {
			assert_int_equal(strncmp(native->keys[i], "sae/", 4), 0);
			assert_string_equal(native->keys[i] + 4, metric_name(i));
		}
	}
}

static void token_totals_carry_no_suffix(void **state) {
	(void)state;
	size_t without = 0;

	for (enum metric i = 0; i < METRIC_COUNT; i++) {
		without += !metric_suffixed(i);
	}
	assert_int_equal(without, 3);
	assert_false(metric_suffixed(METRIC_N_TRAINING_TOKENS));
	assert_false(metric_suffixed(METRIC_N_TRAINING_IMAGES));
	assert_false(metric_suffixed(METRIC_N_TOKENS_FOLDED));
}

static void windows_and_metrics_rows_share_no_metric(void **state) {
	(void)state;
	assert_false(metric_of_window(METRIC_MSE_LOSS));
	assert_false(metric_of_window(METRIC_N_TRAINING_IMAGES));
	assert_true(metric_of_window(METRIC_MEAN_LOG10_FEATURE_SPARSITY));
	assert_true(metric_of_window(METRIC_LOG_FEATURE_DENSITY_HISTOGRAM));
	assert_false(metric_of_window(METRIC_FVU));
	assert_false(metric_of_window(METRIC_N_TOKENS_FOLDED));
	assert_true(metric_of_window(METRIC_NEVER_FIRED));
	assert_true(metric_of_window(METRIC_LOG10_DENSITY_HISTOGRAM));
}

static void an_architecture_not_known_is_not_taken_for_a_known_one(void **state) {
	(void)state;
	assert_int_equal(architecture_find((struct text){0}), ARCHITECTURE_STANDARD);
	assert_int_equal(architecture_find(text("standard")), ARCHITECTURE_STANDARD);
	assert_int_equal(architecture_find(text("gated")), ARCHITECTURE_GATED);
	assert_int_equal(architecture_find(text("topk")), ARCHITECTURE_TOPK);
	assert_int_equal(architecture_find(text("batchtopk")), ARCHITECTURE_TOPK);
	assert_int_equal(architecture_find(text("jumprelu")), ARCHITECTURE_OTHER);
	assert_int_equal(architecture_find(text("")), ARCHITECTURE_OTHER);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_profile_named_means_prisma),
		cmocka_unit_test(an_unknown_profile_is_not_guessed),
		cmocka_unit_test(prisma_logs_the_tracking_documents_keys),
		cmocka_unit_test(no_key_of_a_profile_means_two_things),
		cmocka_unit_test(every_metric_has_a_name_and_native_keys_are_those_names),
		cmocka_unit_test(token_totals_carry_no_suffix),
		cmocka_unit_test(windows_and_metrics_rows_share_no_metric),
		cmocka_unit_test(an_architecture_not_known_is_not_taken_for_a_known_one),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

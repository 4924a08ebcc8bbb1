#include "profile.h"

#include <string.h>

/* clang-format off */

/* What is ours has the same keys beside either trainer's. */
#define OUR_KEYS \
	[METRIC_FVU]                           = "metrics/fvu", \
	[METRIC_MEAN_TOKENS_SINCE_FIRED]       = "sparsity/mean_tokens_since_fired", \
	[METRIC_N_TOKENS_FOLDED]               = "details/n_tokens_folded", \
	[METRIC_NEVER_FIRED]                   = "sparsity/never_fired", \
	[METRIC_ABOVE_1E_2]                    = "sparsity/above_1e-2", \
	[METRIC_ABOVE_1E_1]                    = "sparsity/above_1e-1", \
	[METRIC_REVIVED_FEATURES]              = "sparsity/revived_features", \
	[METRIC_NEWLY_DEAD_FEATURES]           = "sparsity/newly_dead_features", \
	[METRIC_LOG10_DENSITY_P10]             = "sparsity/log10_density_p10", \
	[METRIC_LOG10_DENSITY_P25]             = "sparsity/log10_density_p25", \
	[METRIC_LOG10_DENSITY_P50]             = "sparsity/log10_density_p50", \
	[METRIC_LOG10_DENSITY_P75]             = "sparsity/log10_density_p75", \
	[METRIC_LOG10_DENSITY_P90]             = "sparsity/log10_density_p90", \
	[METRIC_LOG10_DENSITY_HISTOGRAM]       = "plots/log10_density_histogram"

/* Of either age. */
#define SAELENS_SWITCHES_AND_KEYS \
	.window_rows_configured = true, \
	.fires_nonzero = true, \
	.l0_nonzero = true, \
	.l1_with_coefficient = true, \
	.mse_is_sum = true, \
	.ev_is_ratio_of_means = true, \
	.topk_has_aux = true, \
	.keys = { \
		[METRIC_MSE_LOSS]                      = "losses/mse_loss", \
		[METRIC_L1_LOSS]                       = "losses/l1_loss", \
		[METRIC_OVERALL_LOSS]                  = "losses/overall_loss", \
		[METRIC_AUX_RECONSTRUCTION_LOSS]       = "losses/auxiliary_reconstruction_loss", \
		[METRIC_EXPLAINED_VARIANCE]            = "metrics/explained_variance", \
		[METRIC_EXPLAINED_VARIANCE_LEGACY]     = "metrics/explained_variance_legacy", \
		[METRIC_EXPLAINED_VARIANCE_LEGACY_STD] = "metrics/explained_variance_legacy_std", \
		[METRIC_L0]                            = "metrics/l0", \
		[METRIC_MEAN_PASSES_SINCE_FIRED]       = "sparsity/mean_passes_since_fired", \
		[METRIC_DEAD_FEATURES]                 = "sparsity/dead_features", \
		[METRIC_CURRENT_LEARNING_RATE]         = "details/current_learning_rate", \
		[METRIC_L1_COEFFICIENT]                = "details/l1_coefficient", \
		[METRIC_N_TRAINING_TOKENS]             = "details/n_training_samples", \
		[METRIC_MEAN_LOG10_FEATURE_SPARSITY]   = "metrics/mean_log10_feature_sparsity", \
		[METRIC_BELOW_1E_5]                    = "sparsity/below_1e-5", \
		[METRIC_BELOW_1E_6]                    = "sparsity/below_1e-6", \
		[METRIC_LOG_FEATURE_DENSITY_HISTOGRAM] = "plots/feature_density_line_chart", \
		OUR_KEYS, \
	}

static const struct profile profiles[] = {
	{
		.name = "prisma",
		.close_before_fold = true,
		.dead_before_fold = true,
		.tokens_before_step = true,
		.tokens_configured = true,
		.gated_only_aux = true,
		.absent_losses_are_zero = true,
		.keys = {
			[METRIC_MSE_LOSS]                      = "losses/mse_loss",
			[METRIC_L1_LOSS]                       = "losses/l1_loss",
			[METRIC_GHOST_GRAD_LOSS]               = "losses/ghost_grad_loss",
			[METRIC_OVERALL_LOSS]                  = "losses/overall_loss",
			[METRIC_AUX_RECONSTRUCTION_LOSS]       = "losses/aux_reconstruction_loss",
			[METRIC_EXPLAINED_VARIANCE]            = "metrics/explained_variance",
			[METRIC_EXPLAINED_VARIANCE_STD]        = "metrics/explained_variance_std",
			[METRIC_L0]                            = "metrics/l0",
			[METRIC_MEAN_PASSES_SINCE_FIRED]       = "sparsity/mean_passes_since_fired",
			[METRIC_DEAD_FEATURES]                 = "sparsity/dead_features",
			[METRIC_CURRENT_LEARNING_RATE]         = "details/current_learning_rate",
			[METRIC_N_TRAINING_TOKENS]             = "details/n_training_tokens",
			[METRIC_N_TRAINING_IMAGES]             = "details/n_training_images",
			[METRIC_MEAN_LOG10_FEATURE_SPARSITY]   = "metrics/mean_log10_feature_sparsity",
			[METRIC_BELOW_1E_5]                    = "sparsity/below_1e-5",
			[METRIC_BELOW_1E_6]                    = "sparsity/below_1e-6",
			[METRIC_LOG_FEATURE_DENSITY_HISTOGRAM] = "plots/log_feature_density_histogram",
			OUR_KEYS,
		},
	},
	{
		.name = "saelens",
		.row_behind_window = true,
		SAELENS_SWITCHES_AND_KEYS,
	},
	{
		.name = "saelens-legacy",
		.close_before_fold = true,
		SAELENS_SWITCHES_AND_KEYS,
	},
	{
		.name = "native",
		.fires_nonzero = true,
		.l0_nonzero = true,
		.mse_is_sum = true,
		.ev_is_ratio_of_means = true,
		.keys = {
			[METRIC_MSE_LOSS]                      = "sae/mse_loss",
			[METRIC_L1_LOSS]                       = "sae/l1_loss",
			[METRIC_GHOST_GRAD_LOSS]               = "sae/ghost_grad_loss",
			[METRIC_OVERALL_LOSS]                  = "sae/overall_loss",
			[METRIC_AUX_RECONSTRUCTION_LOSS]       = "sae/aux_reconstruction_loss",
			[METRIC_EXPLAINED_VARIANCE]            = "sae/explained_variance",
			[METRIC_EXPLAINED_VARIANCE_LEGACY]     = "sae/explained_variance_legacy",
			[METRIC_EXPLAINED_VARIANCE_LEGACY_STD] = "sae/explained_variance_legacy_std",
			[METRIC_L0]                            = "sae/l0",
			[METRIC_MEAN_PASSES_SINCE_FIRED]       = "sae/mean_passes_since_fired",
			[METRIC_DEAD_FEATURES]                 = "sae/dead_features",
			[METRIC_CURRENT_LEARNING_RATE]         = "sae/current_learning_rate",
			[METRIC_L1_COEFFICIENT]                = "sae/l1_coefficient",
			[METRIC_N_TRAINING_TOKENS]             = "sae/n_training_tokens",
			[METRIC_N_TRAINING_IMAGES]             = "sae/n_training_images",
			[METRIC_MEAN_LOG10_FEATURE_SPARSITY]   = "sae/mean_log10_feature_sparsity",
			[METRIC_BELOW_1E_5]                    = "sae/below_1e-5",
			[METRIC_BELOW_1E_6]                    = "sae/below_1e-6",
			/* Bins that move with the data are not ours: see LOG10_DENSITY_HISTOGRAM. */
			[METRIC_FVU]                           = "sae/fvu",
			[METRIC_MEAN_TOKENS_SINCE_FIRED]       = "sae/mean_tokens_since_fired",
			/* n_training_tokens are the tokens folded. */
			[METRIC_NEVER_FIRED]                   = "sae/never_fired",
			[METRIC_ABOVE_1E_2]                    = "sae/above_1e-2",
			[METRIC_ABOVE_1E_1]                    = "sae/above_1e-1",
			[METRIC_REVIVED_FEATURES]              = "sae/revived_features",
			[METRIC_NEWLY_DEAD_FEATURES]           = "sae/newly_dead_features",
			[METRIC_LOG10_DENSITY_P10]             = "sae/log10_density_p10",
			[METRIC_LOG10_DENSITY_P25]             = "sae/log10_density_p25",
			[METRIC_LOG10_DENSITY_P50]             = "sae/log10_density_p50",
			[METRIC_LOG10_DENSITY_P75]             = "sae/log10_density_p75",
			[METRIC_LOG10_DENSITY_P90]             = "sae/log10_density_p90",
			[METRIC_LOG10_DENSITY_HISTOGRAM]       = "sae/log10_density_histogram",
		},
	},
};

static const char *const names[METRIC_COUNT] = {
	[METRIC_MSE_LOSS]                      = "mse_loss",
	[METRIC_L1_LOSS]                       = "l1_loss",
	[METRIC_GHOST_GRAD_LOSS]               = "ghost_grad_loss",
	[METRIC_OVERALL_LOSS]                  = "overall_loss",
	[METRIC_AUX_RECONSTRUCTION_LOSS]       = "aux_reconstruction_loss",
	[METRIC_EXPLAINED_VARIANCE]            = "explained_variance",
	[METRIC_EXPLAINED_VARIANCE_STD]        = "explained_variance_std",
	[METRIC_EXPLAINED_VARIANCE_LEGACY]     = "explained_variance_legacy",
	[METRIC_EXPLAINED_VARIANCE_LEGACY_STD] = "explained_variance_legacy_std",
	[METRIC_L0]                            = "l0",
	[METRIC_MEAN_PASSES_SINCE_FIRED]       = "mean_passes_since_fired",
	[METRIC_DEAD_FEATURES]                 = "dead_features",
	[METRIC_CURRENT_LEARNING_RATE]         = "current_learning_rate",
	[METRIC_L1_COEFFICIENT]                = "l1_coefficient",
	[METRIC_N_TRAINING_TOKENS]             = "n_training_tokens",
	[METRIC_N_TRAINING_IMAGES]             = "n_training_images",
	[METRIC_MEAN_LOG10_FEATURE_SPARSITY]   = "mean_log10_feature_sparsity",
	[METRIC_BELOW_1E_5]                    = "below_1e-5",
	[METRIC_BELOW_1E_6]                    = "below_1e-6",
	[METRIC_LOG_FEATURE_DENSITY_HISTOGRAM] = "log_feature_density_histogram",
	[METRIC_FVU]                           = "fvu",
	[METRIC_MEAN_TOKENS_SINCE_FIRED]       = "mean_tokens_since_fired",
	[METRIC_N_TOKENS_FOLDED]               = "n_tokens_folded",
	[METRIC_NEVER_FIRED]                   = "never_fired",
	[METRIC_ABOVE_1E_2]                    = "above_1e-2",
	[METRIC_ABOVE_1E_1]                    = "above_1e-1",
	[METRIC_REVIVED_FEATURES]              = "revived_features",
	[METRIC_NEWLY_DEAD_FEATURES]           = "newly_dead_features",
	[METRIC_LOG10_DENSITY_P10]             = "log10_density_p10",
	[METRIC_LOG10_DENSITY_P25]             = "log10_density_p25",
	[METRIC_LOG10_DENSITY_P50]             = "log10_density_p50",
	[METRIC_LOG10_DENSITY_P75]             = "log10_density_p75",
	[METRIC_LOG10_DENSITY_P90]             = "log10_density_p90",
	[METRIC_LOG10_DENSITY_HISTOGRAM]       = "log10_density_histogram",
};

/* clang-format on */

static bool text_is(struct text text, const char *word) {
	return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

const struct profile *profile_find(struct text name) {
	if (!name.data) {
		return &profiles[0];
	}
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		if (text_is(name, profiles[i].name)) {
			return &profiles[i];
		}
	}
	return NULL;
}

enum architecture architecture_find(struct text name) {
	static const struct {
		const char *name;
		enum architecture architecture;
	} known[] = {
		{"standard", ARCHITECTURE_STANDARD},
		{"vanilla", ARCHITECTURE_STANDARD},
		{"transcoder", ARCHITECTURE_STANDARD},
		{"gated", ARCHITECTURE_GATED},
		{"topk", ARCHITECTURE_TOPK},
		{"batchtopk", ARCHITECTURE_TOPK},
	};

	if (!name.data) {
		return ARCHITECTURE_STANDARD;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (text_is(name, known[i].name)) {
			return known[i].architecture;
		}
	}
	return ARCHITECTURE_OTHER;
}

const char *metric_name(enum metric metric) {
	return names[metric];
}

bool metric_suffixed(enum metric metric) {
	return metric != METRIC_N_TRAINING_TOKENS && metric != METRIC_N_TRAINING_IMAGES &&
	       metric != METRIC_N_TOKENS_FOLDED;
}

bool metric_of_window(enum metric metric) {
	return (metric >= METRIC_MEAN_LOG10_FEATURE_SPARSITY && metric < METRIC_FVU) ||
	       metric >= METRIC_NEVER_FIRED;
}

/* How a reference trainer orders and names what it logs: one table of switches and keys.
 * `prisma` is ViT-Prisma's VisionSAETrainer, `saelens` SAELens's SAETrainer since 6.54.4,
 * `saelens-legacy` the same before, when its windows closed as ViT-Prisma's do, `native` ours:
 * windows of W steps each, everything counted after the step it is logged at, and one
 * meaning of "fires" (nonzero) throughout. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

/* What a row may hold, in the order of logging, each under one key a profile (NULL: that
 * profile does not log it). */
enum metric {
	METRIC_MSE_LOSS,
	METRIC_L1_LOSS,
	METRIC_GHOST_GRAD_LOSS,
	METRIC_OVERALL_LOSS,
	METRIC_AUX_RECONSTRUCTION_LOSS,
	METRIC_EXPLAINED_VARIANCE, /* the profile's own definition */
	METRIC_EXPLAINED_VARIANCE_STD,
	METRIC_EXPLAINED_VARIANCE_LEGACY, /* SAELens: mean over rows of ratios */
	METRIC_EXPLAINED_VARIANCE_LEGACY_STD,
	METRIC_L0,
	METRIC_MEAN_PASSES_SINCE_FIRED,
	METRIC_DEAD_FEATURES,
	METRIC_CURRENT_LEARNING_RATE,
	METRIC_L1_COEFFICIENT,
	METRIC_N_TRAINING_TOKENS,
	METRIC_N_TRAINING_IMAGES,
	METRIC_MEAN_LOG10_FEATURE_SPARSITY, /* the sparsity row's four */
	METRIC_BELOW_1E_5,
	METRIC_BELOW_1E_6,
	METRIC_LOG_FEATURE_DENSITY_HISTOGRAM,
	METRIC_FVU, /* from here on ours, beside the profile's: of a metrics row */
	METRIC_MEAN_TOKENS_SINCE_FIRED,
	METRIC_N_TOKENS_FOLDED,
	METRIC_NEVER_FIRED, /* ours, of a window: did not fire within it */
	METRIC_ABOVE_1E_2,
	METRIC_ABOVE_1E_1,
	METRIC_REVIVED_FEATURES,
	METRIC_NEWLY_DEAD_FEATURES,
	METRIC_LOG10_DENSITY_P10, /* density_summary.quantiles, in this order */
	METRIC_LOG10_DENSITY_P25,
	METRIC_LOG10_DENSITY_P50,
	METRIC_LOG10_DENSITY_P75,
	METRIC_LOG10_DENSITY_P90,
	METRIC_LOG10_DENSITY_HISTOGRAM, /* the fixed bins */
	METRIC_COUNT
};

enum architecture {
	ARCHITECTURE_STANDARD, /* also transcoders */
	ARCHITECTURE_GATED,
	ARCHITECTURE_TOPK,
	ARCHITECTURE_OTHER, /* its losses are not known: none is computed from the others */
};

struct profile {
	const char *name;
	bool close_before_fold; /* a window closes before step n is folded */
	bool row_behind_window; /* … after its W steps, its row is that of the step behind them */
	bool dead_before_fold;  /* dead features are counted before step n is folded */
	bool tokens_before_step;     /* n_training_tokens does not include step n */
	bool tokens_configured;      /* … and counts the configured batch, not the actual rows */
	bool window_rows_configured; /* a window's rows are the configured batch × steps */
	bool fires_nonzero;          /* since-fired is reset by nonzero, not positive */
	bool l0_nonzero;             /* l0 counts nonzero, not positive */
	bool l1_with_coefficient;    /* l1_loss is logged coefficient × the lp norm */
	bool mse_is_sum;             /* computed mse_loss: l2_sum / rows, else mse_num / mse_den */
	bool ev_is_ratio_of_means;   /* 1 − l2_sum/tv_sum, else a mean of ratios */
	bool gated_only_aux;         /* the auxiliary loss is logged for `gated` alone */
	bool topk_has_aux;           /* the overall loss of `topk` includes it */
	bool absent_losses_are_zero; /* a step with losses logs 0 for l1, ghost not given */
	const char *keys[METRIC_COUNT];
};

/* NULL name: the default, prisma. NULL when there is none of that name. */
const struct profile *profile_find(struct text name);

enum architecture architecture_find(struct text name);

/* The column and JSON name of a metric: `mse_loss`, `below_1e-5`, … */
const char *metric_name(enum metric metric);

/* Whether the run's key suffix is appended to its keys: to all but the totals of tokens. */
bool metric_suffixed(enum metric metric);

/* Whether it belongs to a sparsity window, not to a metrics row. */
bool metric_of_window(enum metric metric);

static inline bool metric_is_ours(enum metric metric) {
	return metric >= METRIC_FVU;
}

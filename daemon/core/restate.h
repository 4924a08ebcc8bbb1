/* What a run's metrics would be under another trainer's definitions, from what was pushed: so that runs of different trainers
 * can be compared. Pure.
 *
 * All values are of one step, or means over the same steps. NaN: not known. */
#pragma once

#include "profile.h"

struct restate_from {
	const struct profile *profile; /* whose definitions `metric` follows */
	enum architecture architecture;
	double metric[METRIC_COUNT];
	double ev_mean;             /* mean over rows of 1 - l2/tv */
	double l2_per_row;          /* l2_sum / n_rows */
	double mse_ratio;           /* mse_num / mse_den */
	double lp_per_row;          /* lp_sum / n_rows */
	double weighted_lp_per_row; /* l1_coefficient * lp_sum / n_rows */
	double aux_per_row;         /* aux_sum / n_rows */
	double step, train_batch_size, n_tokens_folded;
};

struct restated {
	double metric[METRIC_COUNT];
	/* Of a metric that is NaN: why it cannot be told, though the other trainer has it. Of one that is not: what to keep in
	 * mind. NULL: nothing. */
	const char *words[METRIC_COUNT];
};

/* Sparsity windows stay as they were cut and counted. */
void restate(const struct profile *to, const struct restate_from *from, struct restated *ret);

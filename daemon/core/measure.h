/* From what the ranks pushed for one step to that step's metrics.
 *
 * `struct scalars` is what one rank pushed, known names by position in enum scalar and the
 * others as extras; scalars_merge joins the ranks in rank order by the rules of PROTOCOL.md
 * §3.3; measure() then computes, by the profile's formulas, what was not given. */
#pragma once

#include "firing.h"
#include "profile.h"

enum scalar {
	SCALAR_MSE_LOSS,
	SCALAR_L1_LOSS,
	SCALAR_L1_COEFFICIENT,
	SCALAR_GHOST_GRAD_LOSS,
	SCALAR_OVERALL_LOSS,
	SCALAR_AUX_RECONSTRUCTION_LOSS,
	SCALAR_EXPLAINED_VARIANCE,
	SCALAR_EXPLAINED_VARIANCE_STD,
	SCALAR_L0,
	SCALAR_CURRENT_LEARNING_RATE,
	SCALAR_EV_COUNT,
	SCALAR_EV_MEAN,
	SCALAR_EV_M2,
	SCALAR_L2_SUM,
	SCALAR_TV_SUM,
	SCALAR_MSE_NUM,
	SCALAR_MSE_DEN,
	SCALAR_LP_SUM,
	SCALAR_AUX_SUM,
	SCALAR_N_NAN_ACTS,
	SCALAR_COUNT
};

/* The wire's name of a scalar, and back: -1 when the name has no meaning of its own. */
const char *scalar_name(enum scalar scalar);
int scalar_find(struct text name);

/* Zeroed, a rank fills in n_rows, present, value and the extras; the rest is the merge's. */
struct scalars {
	uint64_t n_rows;
	uint32_t present; /* bit per enum scalar */
	double value[SCALAR_COUNT];
	uint32_t n_extras; /* by position among the run's names without a meaning */
	uint64_t extras_present[SCALARS_MAX / 64];
	double extras[SCALARS_MAX];
	uint32_t disagree;    /* bit per enum scalar: ranks that must agree did not */
	uint32_t approximate; /* bit per enum scalar: a mean over ranks that is not exact */
	/* Rows that a mean is over: n_rows where 0, fewer when a rank did not give it. */
	uint64_t rows[SCALAR_COUNT], extras_rows[SCALARS_MAX];
};

/* Folds the next rank's scalars into `into` (which holds the ranks before it). What is a mean
 * is one over the ranks that gave it; a sum, or the per-row moments, that one rank did not
 * give is no longer known. Extras are means. */
void scalars_merge(struct scalars *into, const struct scalars *from);

struct measures {
	uint64_t present, computed; /* bit per enum metric; computed: not given by the trainer */
	double value[METRIC_COUNT];
};

/* The loss, variance, l0 and rate metrics of a step (not those that need the firing state).
 * What was given wins, except a mean over ranks that is only approximate where the exact
 * value can be computed. `counts`: the sums over all ranks; NULL when the step came without. */
void measure(const struct profile *profile, enum architecture architecture, const struct scalars *s,
	const struct fold_sums *counts, struct measures *ret);

/* What the trainer gave against what the counts and sums say: bit per enum metric
 * that disagrees by more than 1e-3 (of l0 and mse_loss relative; of explained_variance
 * of 1, which it is a difference from). */
uint64_t measures_disagree(
	const struct profile *profile, const struct scalars *s, const struct fold_sums *counts);

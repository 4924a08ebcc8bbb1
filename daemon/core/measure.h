/* From what the ranks pushed for one step, merged (scalars.h), to that step's metrics: measure() computes,
 * by the profile's formulas, what was not given. */
#pragma once

#include "firing.h"
#include "profile.h"
#include "scalars.h"

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

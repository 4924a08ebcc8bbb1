/* What was pushed for one step: known names by position in enum scalar, the others as extras.
 * One rank's, or, merged in rank order by the rules of PROTOCOL.md §3.3, that of several. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "message.h"

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

#define SCALARS_MOMENTS (1u << SCALAR_EV_COUNT | 1u << SCALAR_EV_MEAN | 1u << SCALAR_EV_M2)

static inline bool scalars_have(const struct scalars *s, enum scalar scalar) {
	return (s->present >> scalar & 1) != 0;
}

/* Folds the next rank's scalars into `into` (which holds the ranks before it). What is a mean
 * is one over the ranks that gave it; a sum, or the per-row moments, that one rank did not
 * give is no longer known. Extras are means. */
void scalars_merge(struct scalars *into, const struct scalars *from);

#include "restate.h"

#include <math.h>
#include <stddef.h>

#define UNKNOWN ((double)NAN)

static bool known(double value) {
	return !isnan(value);
}

static void put(struct restated *r, enum metric metric, double value, const char *why_not) {
	r->metric[metric] = value;
	r->words[metric] = known(value) ? NULL : why_not;
}

/* ---- variance ---- */

/* Under its own name, or under that of a trainer to whom it is the legacy one. */
static double mean_of_ratios(const struct restate_from *f) {
	double logged =
		f->metric[f->profile->ev_is_ratio_of_means ? METRIC_EXPLAINED_VARIANCE_LEGACY
							   : METRIC_EXPLAINED_VARIANCE];

	return known(logged) ? logged : f->ev_mean;
}

static double spread_of_ratios(const struct restate_from *f) {
	return f->metric[f->profile->ev_is_ratio_of_means ? METRIC_EXPLAINED_VARIANCE_LEGACY_STD
							  : METRIC_EXPLAINED_VARIANCE_STD];
}

static double ratio_of_means(const struct restate_from *f) {
	return f->profile->ev_is_ratio_of_means ? f->metric[METRIC_EXPLAINED_VARIANCE]
						: 1 - f->metric[METRIC_FVU];
}

static void restate_variance(
	const struct profile *to, const struct restate_from *f, struct restated *r) {
	static const char no_ratios[] = "the mean over rows was not pushed";
	double mean = mean_of_ratios(f), spread = spread_of_ratios(f);
	bool legacy = to->ev_is_ratio_of_means;

	put(r, METRIC_EXPLAINED_VARIANCE, legacy ? ratio_of_means(f) : mean,
		legacy ? "l2_sum and tv_sum were not pushed" : no_ratios);
	put(r, METRIC_EXPLAINED_VARIANCE_STD, legacy ? UNKNOWN : spread,
		legacy ? NULL : "the spread over rows was not pushed");
	put(r, METRIC_EXPLAINED_VARIANCE_LEGACY, legacy ? mean : UNKNOWN,
		legacy ? no_ratios : NULL);
	put(r, METRIC_EXPLAINED_VARIANCE_LEGACY_STD, legacy ? spread : UNKNOWN,
		legacy ? "the spread over rows was not pushed" : NULL);
}

/* ---- losses ---- */

static void restate_mse(
	const struct profile *to, const struct restate_from *f, struct restated *r) {
	if (to->mse_is_sum == f->profile->mse_is_sum) {
		put(r, METRIC_MSE_LOSS, f->metric[METRIC_MSE_LOSS], NULL);
	} else if (to->mse_is_sum) {
		put(r, METRIC_MSE_LOSS, f->l2_per_row, "l2_sum was not pushed");
	} else {
		put(r, METRIC_MSE_LOSS, f->mse_ratio, "mse_num and mse_den were not pushed");
	}
}

/* The norm of the activations times its coefficient, as every trainer adds it to its loss. */
static double weighted_l1(const struct restate_from *f) {
	double l1 = f->metric[METRIC_L1_LOSS];

	if (f->architecture == ARCHITECTURE_TOPK || l1 == 0) {
		return 0;
	}
	if (f->profile->l1_with_coefficient) {
		return l1;
	}
	return known(f->weighted_lp_per_row) ? f->weighted_lp_per_row
					     : l1 * f->metric[METRIC_L1_COEFFICIENT];
}

static double plain_l1(const struct restate_from *f) {
	double coefficient = f->metric[METRIC_L1_COEFFICIENT];

	if (!f->profile->l1_with_coefficient) {
		return f->metric[METRIC_L1_LOSS];
	}
	return known(f->lp_per_row) ? f->lp_per_row
	       : coefficient > 0    ? f->metric[METRIC_L1_LOSS] / coefficient
				    : UNKNOWN;
}

static void restate_l1(const struct profile *to, const struct restate_from *f, struct restated *r) {
	if (f->architecture == ARCHITECTURE_TOPK) {
		/* It has no such loss; one that logs all losses logs 0. */
		put(r, METRIC_L1_LOSS, to->absent_losses_are_zero ? 0 : UNKNOWN, NULL);
	} else if (to->l1_with_coefficient == f->profile->l1_with_coefficient) {
		put(r, METRIC_L1_LOSS, f->metric[METRIC_L1_LOSS], NULL);
	} else if (to->l1_with_coefficient) {
		put(r, METRIC_L1_LOSS, weighted_l1(f), "lp_sum and l1_coefficient were not pushed");
	} else {
		put(r, METRIC_L1_LOSS, plain_l1(f), "lp_sum was not pushed");
	}
}

/* Who has no such loss does not add it. */
static double ghost_of(const struct profile *to, const struct restate_from *f) {
	double ghost = f->metric[METRIC_GHOST_GRAD_LOSS];

	return to->keys[METRIC_GHOST_GRAD_LOSS] && known(ghost) ? ghost : 0;
}

static bool is_prisma(const struct profile *p) {
	return p->gated_only_aux;
}

/* That of a gated dictionary is not the same thing in ViT-Prisma and elsewhere, and topk's is not in ViT-Prisma at all. */
static void restate_aux(
	const struct profile *to, const struct restate_from *f, struct restated *r) {
	double aux = f->metric[METRIC_AUX_RECONSTRUCTION_LOSS];

	aux = known(aux) ? aux : f->aux_per_row;
	if (f->architecture == ARCHITECTURE_GATED && is_prisma(to) != is_prisma(f->profile)) {
		put(r, METRIC_AUX_RECONSTRUCTION_LOSS, UNKNOWN,
			"its auxiliary loss is another one, which was not pushed");
	} else if (f->architecture != ARCHITECTURE_GATED && to->gated_only_aux) {
		put(r, METRIC_AUX_RECONSTRUCTION_LOSS, UNKNOWN, NULL);
	} else {
		bool has_one = f->architecture == ARCHITECTURE_GATED ||
			       (f->architecture == ARCHITECTURE_TOPK && to->topk_has_aux);
		put(r, METRIC_AUX_RECONSTRUCTION_LOSS, aux,
			has_one ? "the auxiliary loss was not pushed" : NULL);
	}
}

static bool needs_aux(const struct profile *p, enum architecture architecture) {
	return architecture == ARCHITECTURE_GATED ||
	       (architecture == ARCHITECTURE_TOPK && p->topk_has_aux);
}

static void restate_overall(
	const struct profile *to, const struct restate_from *f, struct restated *r) {
	double mse = r->metric[METRIC_MSE_LOSS], l1 = weighted_l1(f), ghost = ghost_of(to, f);
	double aux = r->metric[METRIC_AUX_RECONSTRUCTION_LOSS];
	aux = known(aux) || needs_aux(to, f->architecture) ? aux : 0;
	const char *why = !known(mse)   ? "its mse_loss cannot be told"
			  : !known(l1)  ? "lp_sum and l1_coefficient were not pushed"
			  : !known(aux) ? "its auxiliary loss was not pushed"
					: NULL;

	if (to->mse_is_sum == f->profile->mse_is_sum && is_prisma(to) == is_prisma(f->profile)) {
		put(r, METRIC_OVERALL_LOSS, f->metric[METRIC_OVERALL_LOSS], NULL);
	} else if (f->architecture == ARCHITECTURE_OTHER) {
		put(r, METRIC_OVERALL_LOSS, UNKNOWN,
			"of which losses its architecture adds it up is not known");
	} else {
		put(r, METRIC_OVERALL_LOSS, mse + l1 + ghost + aux, why);
	}
}

/* ---- counts ---- */

/* Where it may be negative, what fires above 0 is not what fires where it is not 0. */
static void remark_on_firing(enum metric metric, struct restated *r) {
	if (known(r->metric[metric])) {
		r->words[metric] = "to ViT-Prisma a feature fires above 0, to others where it is "
				   "not 0: the same where none is negative";
	}
}

static void restate_counts(
	const struct profile *to, const struct restate_from *f, struct restated *r) {
	bool may_be_negative =
		f->architecture != ARCHITECTURE_STANDARD && f->architecture != ARCHITECTURE_GATED;

	if (to->l0_nonzero != f->profile->l0_nonzero && may_be_negative &&
		known(r->metric[METRIC_L0])) {
		r->words[METRIC_L0] = "ViT-Prisma counts activations above 0, others all that are "
				      "not 0: the same where none is negative";
	}
	if (to->fires_nonzero != f->profile->fires_nonzero && may_be_negative) {
		remark_on_firing(METRIC_MEAN_PASSES_SINCE_FIRED, r);
		remark_on_firing(METRIC_MEAN_TOKENS_SINCE_FIRED, r);
	}
	if (to->dead_before_fold != f->profile->dead_before_fold &&
		known(r->metric[METRIC_DEAD_FEATURES])) {
		r->words[METRIC_DEAD_FEATURES] = "counted before a step by ViT-Prisma, after it by "
						 "others: as it was, one step apart";
	}
}

static void restate_tokens(
	const struct profile *to, const struct restate_from *f, struct restated *r) {
	if (to->tokens_configured == f->profile->tokens_configured) {
		put(r, METRIC_N_TRAINING_TOKENS, f->metric[METRIC_N_TRAINING_TOKENS], NULL);
	} else if (to->tokens_configured) {
		put(r, METRIC_N_TRAINING_TOKENS, f->step * f->train_batch_size,
			"train_batch_size is not known");
	} else {
		put(r, METRIC_N_TRAINING_TOKENS, f->n_tokens_folded, "the rows were not counted");
	}
}

void restate(const struct profile *to, const struct restate_from *from, struct restated *ret) {
	*ret = (struct restated){0};
	for (int i = 0; i < METRIC_COUNT; i++) {
		ret->metric[i] = to->keys[i] ? from->metric[i] : UNKNOWN;
	}
	restate_variance(to, from, ret);
	restate_mse(to, from, ret);
	restate_l1(to, from, ret);
	if (to->absent_losses_are_zero) {
		put(ret, METRIC_GHOST_GRAD_LOSS, ghost_of(to, from), NULL);
	}
	restate_aux(to, from, ret);
	restate_overall(to, from, ret);
	restate_counts(to, from, ret);
	restate_tokens(to, from, ret);
}

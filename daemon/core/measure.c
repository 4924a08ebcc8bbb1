#include "measure.h"

#include <math.h>

#define DISAGREE_TOLERANCE 1e-3

/* ---- what can be computed, from what; true when it could ---- */

static bool compute_mse(const struct profile *profile, const struct scalars *s, double *ret) {
	if (profile->mse_is_sum) {
		*ret = s->value[SCALAR_L2_SUM] / (double)s->n_rows;
		return scalars_have(s, SCALAR_L2_SUM);
	}
	*ret = s->value[SCALAR_MSE_NUM] / s->value[SCALAR_MSE_DEN];
	return scalars_have(s, SCALAR_MSE_NUM) && scalars_have(s, SCALAR_MSE_DEN);
}

static bool compute_fvu(const struct scalars *s, double *ret) {
	*ret = s->value[SCALAR_L2_SUM] / s->value[SCALAR_TV_SUM];
	return scalars_have(s, SCALAR_L2_SUM) && scalars_have(s, SCALAR_TV_SUM);
}

static bool compute_mean_of_ratios(const struct scalars *s, double *ret) {
	*ret = s->value[SCALAR_EV_MEAN];
	return scalars_have(s, SCALAR_EV_MEAN);
}

static bool compute_variance(const struct profile *profile, const struct scalars *s, double *ret) {
	if (profile->ev_is_ratio_of_means) {
		bool known = compute_fvu(s, ret);
		*ret = 1 - *ret;
		return known;
	}
	return compute_mean_of_ratios(s, ret);
}

/* Bessel-corrected: one row has no spread, and neither has what is not finite. */
static bool compute_variance_std(const struct scalars *s, double *ret) {
	double count = s->value[SCALAR_EV_COUNT];
	bool defined = count >= 2 && isfinite(s->value[SCALAR_EV_MEAN]);

	*ret = defined ? sqrt(s->value[SCALAR_EV_M2] / (count - 1)) : (double)NAN;
	return (s->present & SCALARS_MOMENTS) == SCALARS_MOMENTS;
}

static bool compute_l0(const struct profile *profile, const struct scalars *s,
	const struct fold_sums *counts, double *ret) {
	if (!counts) {
		return false;
	}
	*ret = (double)(profile->l0_nonzero ? counts->nonzero : counts->positive) /
	       (double)s->n_rows;
	return true;
}

static bool compute_l1(const struct profile *profile, enum architecture architecture,
	const struct scalars *s, double *ret) {
	*ret = s->value[SCALAR_LP_SUM] / (double)s->n_rows;
	if (architecture == ARCHITECTURE_TOPK || !scalars_have(s, SCALAR_LP_SUM)) {
		return false;
	}
	if (profile->l1_with_coefficient) {
		*ret *= s->value[SCALAR_L1_COEFFICIENT];
		return scalars_have(s, SCALAR_L1_COEFFICIENT);
	}
	return true;
}

static bool measured(const struct measures *m, enum metric metric) {
	return (m->present >> metric & 1) != 0;
}

static void put_computed(struct measures *m, enum metric metric, bool known, double value) {
	if (known) {
		m->present |= 1ull << metric;
		m->computed |= 1ull << metric;
		m->value[metric] = value;
	}
}

/* What was given, unless it is approximate and the exact value is known. */
static void put(struct measures *m, enum metric metric, const struct scalars *s, enum scalar given,
	bool known, double value) {
	bool exact = (s->approximate >> given & 1) == 0;

	if (scalars_have(s, given) && (exact || !known)) {
		m->present |= 1ull << metric;
		m->value[metric] = s->value[given];
	} else {
		put_computed(m, metric, known, value);
	}
}

/* The terms as the trainers add them up; unknown when one that belongs to it is. */
static bool compute_overall(const struct profile *profile, enum architecture architecture,
	const struct scalars *s, const struct measures *m, double *ret) {
	bool needs_aux = architecture == ARCHITECTURE_GATED ||
			 (architecture == ARCHITECTURE_TOPK && profile->topk_has_aux);
	double l1 = m->value[METRIC_L1_LOSS];

	if (architecture == ARCHITECTURE_OTHER || !measured(m, METRIC_MSE_LOSS) ||
		(architecture != ARCHITECTURE_TOPK && !measured(m, METRIC_L1_LOSS)) ||
		(needs_aux && !measured(m, METRIC_AUX_RECONSTRUCTION_LOSS))) {
		return false;
	}
	if (!profile->l1_with_coefficient && l1 != 0) {
		if (!scalars_have(s, SCALAR_L1_COEFFICIENT)) {
			return false;
		}
		l1 *= s->value[SCALAR_L1_COEFFICIENT];
	}
	*ret = m->value[METRIC_MSE_LOSS] + l1 + m->value[METRIC_GHOST_GRAD_LOSS] +
	       m->value[METRIC_AUX_RECONSTRUCTION_LOSS];
	return true;
}

static void measure_losses(const struct profile *profile, enum architecture architecture,
	const struct scalars *s, struct measures *m) {
	double value = 0;
	bool known = compute_mse(profile, s, &value);
	put(m, METRIC_MSE_LOSS, s, SCALAR_MSE_LOSS, known, value);

	bool zero = profile->absent_losses_are_zero &&
		    (measured(m, METRIC_MSE_LOSS) || scalars_have(s, SCALAR_OVERALL_LOSS));
	/* What was given is not absent, however approximate. */
	bool l1_zero = zero && !scalars_have(s, SCALAR_L1_LOSS);
	bool ghost_zero = zero && !scalars_have(s, SCALAR_GHOST_GRAD_LOSS);
	known = compute_l1(profile, architecture, s, &value);
	put(m, METRIC_L1_LOSS, s, SCALAR_L1_LOSS, known || l1_zero, known ? value : 0);
	put(m, METRIC_GHOST_GRAD_LOSS, s, SCALAR_GHOST_GRAD_LOSS, ghost_zero, 0);
	if (architecture == ARCHITECTURE_GATED || !profile->gated_only_aux) {
		value = s->value[SCALAR_AUX_SUM] / (double)s->n_rows;
		put(m, METRIC_AUX_RECONSTRUCTION_LOSS, s, SCALAR_AUX_RECONSTRUCTION_LOSS,
			scalars_have(s, SCALAR_AUX_SUM), value);
	}
	known = compute_overall(profile, architecture, s, m, &value);
	put(m, METRIC_OVERALL_LOSS, s, SCALAR_OVERALL_LOSS, known, value);
}

static void measure_variance(
	const struct profile *profile, const struct scalars *s, struct measures *m) {
	bool ratio_of_means = profile->ev_is_ratio_of_means;
	double value = 0;
	bool known = compute_variance(profile, s, &value);
	put(m, METRIC_EXPLAINED_VARIANCE, s, SCALAR_EXPLAINED_VARIANCE, known, value);

	known = compute_variance_std(s, &value);
	put(m,
		ratio_of_means ? METRIC_EXPLAINED_VARIANCE_LEGACY_STD
			       : METRIC_EXPLAINED_VARIANCE_STD,
		s, SCALAR_EXPLAINED_VARIANCE_STD, known, value);
	if (ratio_of_means) {
		known = compute_mean_of_ratios(s, &value);
		put_computed(m, METRIC_EXPLAINED_VARIANCE_LEGACY, known, value);
	}
	known = compute_fvu(s, &value);
	put_computed(m, METRIC_FVU, known, value);
}

void measure(const struct profile *profile, enum architecture architecture, const struct scalars *s,
	const struct fold_sums *counts, struct measures *ret) {
	double l0 = 0;

	*ret = (struct measures){0};
	measure_losses(profile, architecture, s, ret);
	measure_variance(profile, s, ret);
	bool known = compute_l0(profile, s, counts, &l0);
	put(ret, METRIC_L0, s, SCALAR_L0, known, l0);
	put(ret, METRIC_CURRENT_LEARNING_RATE, s, SCALAR_CURRENT_LEARNING_RATE, false, 0);
	put(ret, METRIC_L1_COEFFICIENT, s, SCALAR_L1_COEFFICIENT, false, 0);
}

static bool differ(double a, double b, double scale) {
	if (!isfinite(a) || !isfinite(b)) {
		return a != b && !(isnan(a) && isnan(b));
	}
	return fabs(a - b) > DISAGREE_TOLERANCE * fmax(scale, fmax(fabs(a), fabs(b)));
}

static uint64_t check(const struct scalars *s, enum scalar given, enum metric metric, bool known,
	double value, double scale) {
	bool comparable = known && scalars_have(s, given) && (s->approximate >> given & 1) == 0;

	return comparable && differ(s->value[given], value, scale) ? 1ull << metric : 0;
}

uint64_t measures_disagree(
	const struct profile *profile, const struct scalars *s, const struct fold_sums *counts) {
	uint64_t disagree = 0;
	double value = 0;
	bool known = compute_l0(profile, s, counts, &value);
	disagree |= check(s, SCALAR_L0, METRIC_L0, known, value, 0);
	known = compute_mse(profile, s, &value);
	disagree |= check(s, SCALAR_MSE_LOSS, METRIC_MSE_LOSS, known, value, 0);
	known = compute_variance(profile, s, &value);
	disagree |= check(s, SCALAR_EXPLAINED_VARIANCE, METRIC_EXPLAINED_VARIANCE, known, value, 1);
	return disagree;
}

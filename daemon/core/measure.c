#include "measure.h"

#include <math.h>
#include <string.h>

#define DISAGREE_TOLERANCE 1e-3

enum rule {
	RULE_MEAN, /* weighted by rows; exact, because the value itself is a mean over rows */
	RULE_APPROXIMATE, /* the same, but the value is not a mean over rows */
	RULE_AGREE,       /* the first rank's; the others must have the same */
	RULE_SUM,         /* of all ranks, or unknown */
	RULE_TOTAL,       /* of those that gave it */
	RULE_MOMENTS,     /* count, mean and squares merged together, or unknown */
};

/* clang-format off */
static const struct {
	const char *name;
	enum rule rule;
} scalar_table[SCALAR_COUNT] = {
	[SCALAR_MSE_LOSS]                = {"mse_loss", RULE_MEAN},
	[SCALAR_L1_LOSS]                 = {"l1_loss", RULE_MEAN},
	[SCALAR_L1_COEFFICIENT]          = {"l1_coefficient", RULE_AGREE},
	[SCALAR_GHOST_GRAD_LOSS]         = {"ghost_grad_loss", RULE_APPROXIMATE},
	[SCALAR_OVERALL_LOSS]            = {"overall_loss", RULE_MEAN},
	[SCALAR_AUX_RECONSTRUCTION_LOSS] = {"aux_reconstruction_loss", RULE_MEAN},
	[SCALAR_EXPLAINED_VARIANCE]      = {"explained_variance", RULE_APPROXIMATE},
	[SCALAR_EXPLAINED_VARIANCE_STD]  = {"explained_variance_std", RULE_APPROXIMATE},
	[SCALAR_L0]                      = {"l0", RULE_APPROXIMATE}, /* so that the counts win */
	[SCALAR_CURRENT_LEARNING_RATE]   = {"current_learning_rate", RULE_AGREE},
	[SCALAR_EV_COUNT]                = {"ev_count", RULE_MOMENTS},
	[SCALAR_EV_MEAN]                 = {"ev_mean", RULE_MOMENTS},
	[SCALAR_EV_M2]                   = {"ev_m2", RULE_MOMENTS},
	[SCALAR_L2_SUM]                  = {"l2_sum", RULE_SUM},
	[SCALAR_TV_SUM]                  = {"tv_sum", RULE_SUM},
	[SCALAR_MSE_NUM]                 = {"mse_num", RULE_SUM},
	[SCALAR_MSE_DEN]                 = {"mse_den", RULE_SUM},
	[SCALAR_LP_SUM]                  = {"lp_sum", RULE_SUM},
	[SCALAR_AUX_SUM]                 = {"aux_sum", RULE_SUM},
	[SCALAR_N_NAN_ACTS]              = {"n_nan_acts", RULE_TOTAL},
};
/* clang-format on */

#define MOMENTS_MASK (1u << SCALAR_EV_COUNT | 1u << SCALAR_EV_MEAN | 1u << SCALAR_EV_M2)

const char *scalar_name(enum scalar scalar) {
	return scalar_table[scalar].name;
}

int scalar_find(struct text name) {
	for (int i = 0; i < SCALAR_COUNT; i++) {
		const char *known = scalar_table[i].name;
		if (name.len == strlen(known) && memcmp(name.data, known, name.len) == 0) {
			return i;
		}
	}
	return -1;
}

static bool has(const struct scalars *s, enum scalar scalar) {
	return (s->present >> scalar & 1) != 0;
}

static bool same(double a, double b) {
	return a == b || (isnan(a) && isnan(b));
}

/* Equal values stay as they are, bit for bit: they were reduced over the ranks before. */
static double weighted_mean(double a, uint64_t a_rows, double b, uint64_t b_rows) {
	double n_a = (double)a_rows, n_b = (double)b_rows;

	return same(a, b) ? a : (n_a * a + n_b * b) / (n_a + n_b);
}

static void merge_mean(struct scalars *into, const struct scalars *from, enum scalar i) {
	uint32_t bit = 1u << i;
	bool complete = has(into, i) && has(from, i);
	uint64_t into_rows = into->rows[i] ? into->rows[i] : into->n_rows;

	if (!has(from, i)) {
		into->rows[i] = into_rows;
	} else if (!has(into, i)) {
		into->value[i] = from->value[i];
		into->rows[i] = from->n_rows;
	} else {
		if (scalar_table[i].rule == RULE_APPROXIMATE &&
			!same(into->value[i], from->value[i])) {
			into->approximate |= bit;
		}
		into->value[i] =
			weighted_mean(into->value[i], into_rows, from->value[i], from->n_rows);
		into->rows[i] = into_rows + from->n_rows;
	}
	into->approximate |= complete ? 0 : (into->present | from->present) & bit;
}

static void merge_agree(struct scalars *into, const struct scalars *from, enum scalar i) {
	if (!has(into, i)) {
		into->value[i] = from->value[i];
	} else if (has(from, i) && !same(into->value[i], from->value[i])) {
		into->disagree |= 1u << i;
	}
}

/* Chan's merge of (n, mean, M2). A mean that is not finite has no spread, and is
 * what the sum over all rows would have given. */
static void merge_moments(struct scalars *into, const struct scalars *from) {
	double *count = &into->value[SCALAR_EV_COUNT];
	double *mean = &into->value[SCALAR_EV_MEAN];
	double *m2 = &into->value[SCALAR_EV_M2];
	double from_count = from->value[SCALAR_EV_COUNT];
	double from_mean = from->value[SCALAR_EV_MEAN];
	double total = *count + from_count;

	if (from_count == 0) {
		return;
	}
	if (isfinite(*mean) && isfinite(from_mean)) {
		double delta = from_mean - *mean;
		*mean += delta * from_count / total;
		*m2 += from->value[SCALAR_EV_M2] + delta * delta * *count * from_count / total;
	} else {
		*mean = (*count > 0 ? *count * *mean : 0) + from_count * from_mean;
		*mean /= total;
		*m2 = (double)NAN;
	}
	*count = total;
}

static void merge_extras(struct scalars *into, const struct scalars *from) {
	for (uint32_t i = 0; i < into->n_extras && i < from->n_extras; i++) {
		uint64_t bit = 1ull << i % 64;
		bool here = (into->extras_present[i / 64] & bit) != 0;
		uint64_t here_rows = into->extras_rows[i] ? into->extras_rows[i] : into->n_rows;

		if ((from->extras_present[i / 64] & bit) == 0) {
			into->extras_rows[i] = here_rows;
			continue;
		}
		into->extras[i] = here ? weighted_mean(into->extras[i], here_rows, from->extras[i],
						 from->n_rows)
				       : from->extras[i];
		into->extras_rows[i] = (here ? here_rows : 0) + from->n_rows;
		into->extras_present[i / 64] |= bit;
	}
}

void scalars_merge(struct scalars *into, const struct scalars *from) {
	uint32_t either = into->present | from->present;
	uint32_t both = into->present & from->present;

	for (int i = 0; i < SCALAR_COUNT; i++) {
		if ((either >> i & 1) == 0) {
			continue;
		}
		switch (scalar_table[i].rule) {
		case RULE_MEAN:
		case RULE_APPROXIMATE:
			merge_mean(into, from, i);
			break;
		case RULE_AGREE:
			merge_agree(into, from, i);
			break;
		case RULE_TOTAL:
			into->value[i] = (has(into, i) ? into->value[i] : 0) +
					 (has(from, i) ? from->value[i] : 0);
			break;
		case RULE_SUM:
			into->value[i] += from->value[i];
			either &= both | ~(1u << i);
			break;
		case RULE_MOMENTS:
			break;
		}
	}
	if ((both & MOMENTS_MASK) == MOMENTS_MASK) {
		merge_moments(into, from);
	} else {
		either &= ~MOMENTS_MASK;
	}
	merge_extras(into, from);
	into->present = either;
	into->n_rows += from->n_rows;
}

/* ---- what can be computed, from what; true when it could ---- */

static bool compute_mse(const struct profile *profile, const struct scalars *s, double *ret) {
	if (profile->mse_is_sum) {
		*ret = s->value[SCALAR_L2_SUM] / (double)s->n_rows;
		return has(s, SCALAR_L2_SUM);
	}
	*ret = s->value[SCALAR_MSE_NUM] / s->value[SCALAR_MSE_DEN];
	return has(s, SCALAR_MSE_NUM) && has(s, SCALAR_MSE_DEN);
}

static bool compute_fvu(const struct scalars *s, double *ret) {
	*ret = s->value[SCALAR_L2_SUM] / s->value[SCALAR_TV_SUM];
	return has(s, SCALAR_L2_SUM) && has(s, SCALAR_TV_SUM);
}

static bool compute_mean_of_ratios(const struct scalars *s, double *ret) {
	*ret = s->value[SCALAR_EV_MEAN];
	return has(s, SCALAR_EV_MEAN);
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
	return (s->present & MOMENTS_MASK) == MOMENTS_MASK;
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
	if (architecture == ARCHITECTURE_TOPK || !has(s, SCALAR_LP_SUM)) {
		return false;
	}
	if (profile->l1_with_coefficient) {
		*ret *= s->value[SCALAR_L1_COEFFICIENT];
		return has(s, SCALAR_L1_COEFFICIENT);
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

	if (has(s, given) && (exact || !known)) {
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
		if (!has(s, SCALAR_L1_COEFFICIENT)) {
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
		    (measured(m, METRIC_MSE_LOSS) || has(s, SCALAR_OVERALL_LOSS));
	/* What was given is not absent, however approximate. */
	bool l1_zero = zero && !has(s, SCALAR_L1_LOSS);
	bool ghost_zero = zero && !has(s, SCALAR_GHOST_GRAD_LOSS);
	known = compute_l1(profile, architecture, s, &value);
	put(m, METRIC_L1_LOSS, s, SCALAR_L1_LOSS, known || l1_zero, known ? value : 0);
	put(m, METRIC_GHOST_GRAD_LOSS, s, SCALAR_GHOST_GRAD_LOSS, ghost_zero, 0);
	if (architecture == ARCHITECTURE_GATED || !profile->gated_only_aux) {
		value = s->value[SCALAR_AUX_SUM] / (double)s->n_rows;
		put(m, METRIC_AUX_RECONSTRUCTION_LOSS, s, SCALAR_AUX_RECONSTRUCTION_LOSS,
			has(s, SCALAR_AUX_SUM), value);
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
		return !same(a, b);
	}
	return fabs(a - b) > DISAGREE_TOLERANCE * fmax(scale, fmax(fabs(a), fabs(b)));
}

static uint64_t check(const struct scalars *s, enum scalar given, enum metric metric, bool known,
	double value, double scale) {
	bool comparable = known && has(s, given) && (s->approximate >> given & 1) == 0;

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

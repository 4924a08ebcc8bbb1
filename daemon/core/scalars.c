#include "scalars.h"

#include <math.h>
#include <string.h>

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
	bool complete = scalars_have(into, i) && scalars_have(from, i);
	uint64_t into_rows = into->rows[i] ? into->rows[i] : into->n_rows;

	if (!scalars_have(from, i)) {
		into->rows[i] = into_rows;
	} else if (!scalars_have(into, i)) {
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
	if (!scalars_have(into, i)) {
		into->value[i] = from->value[i];
	} else if (scalars_have(from, i) && !same(into->value[i], from->value[i])) {
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
			into->value[i] = (scalars_have(into, i) ? into->value[i] : 0) +
					 (scalars_have(from, i) ? from->value[i] : 0);
			break;
		case RULE_SUM:
			into->value[i] += from->value[i];
			either &= both | ~(1u << i);
			break;
		case RULE_MOMENTS:
			break;
		}
	}
	if ((both & SCALARS_MOMENTS) == SCALARS_MOMENTS) {
		merge_moments(into, from);
	} else {
		either &= ~SCALARS_MOMENTS;
	}
	merge_extras(into, from);
	into->present = either;
	into->n_rows += from->n_rows;
}

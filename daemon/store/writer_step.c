#include "row.h"

#include <math.h>

#include "json_text.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What a step's row holds of the metrics, in the order of its columns. The position is the
 * bit in `computed`; metric_bits in schema_1.sql says the same. */
static const struct step_metric {
	const char *name;
	enum metric metric;
	bool whole; /* an INTEGER column */
} step_metrics[] = {
	{"mse_loss", METRIC_MSE_LOSS, false},
	{"l1_loss", METRIC_L1_LOSS, false},
	{"ghost_grad_loss", METRIC_GHOST_GRAD_LOSS, false},
	{"overall_loss", METRIC_OVERALL_LOSS, false},
	{"aux_reconstruction_loss", METRIC_AUX_RECONSTRUCTION_LOSS, false},
	{"explained_variance", METRIC_EXPLAINED_VARIANCE, false},
	{"explained_variance_std", METRIC_EXPLAINED_VARIANCE_STD, false},
	{"explained_variance_legacy", METRIC_EXPLAINED_VARIANCE_LEGACY, false},
	{"explained_variance_legacy_std", METRIC_EXPLAINED_VARIANCE_LEGACY_STD, false},
	{"l0", METRIC_L0, false},
	{"fvu", METRIC_FVU, false},
	{"dead_features", METRIC_DEAD_FEATURES, true},
	{"mean_passes_since_fired", METRIC_MEAN_PASSES_SINCE_FIRED, false},
	{"mean_tokens_since_fired", METRIC_MEAN_TOKENS_SINCE_FIRED, false},
	{"current_learning_rate", METRIC_CURRENT_LEARNING_RATE, false},
	{"l1_coefficient", METRIC_L1_COEFFICIENT, false},
	{"n_training_tokens", METRIC_N_TRAINING_TOKENS, true},
	{"n_training_images", METRIC_N_TRAINING_IMAGES, true},
	{"n_tokens_folded", METRIC_N_TOKENS_FOLDED, true},
};

static const struct step_sum {
	const char *name;
	enum scalar scalar;
} step_sums[] = {
	{"ev_count", SCALAR_EV_COUNT},
	{"ev_mean", SCALAR_EV_MEAN},
	{"ev_m2", SCALAR_EV_M2},
	{"l2_sum", SCALAR_L2_SUM},
	{"tv_sum", SCALAR_TV_SUM},
	{"mse_num", SCALAR_MSE_NUM},
	{"mse_den", SCALAR_MSE_DEN},
	{"lp_sum", SCALAR_LP_SUM},
	{"aux_sum", SCALAR_AUX_SUM},
	{"n_nan_acts", SCALAR_N_NAN_ACTS},
};

static int json_put_non_finite(struct buf *json, const char *name, double value) {
	int err = json_put_member(json, name);
	return err < 0 ? err : json_put_number(json, value);
}

/* A column's value; what is not finite is NULL there and named in `non_finite`. */
static void put_measure(
	struct row *row, struct buf *non_finite, const char *name, double value, bool whole) {
	if (!isfinite(value)) {
		row_keep(row, row_memory(json_put_non_finite(non_finite, name, value)));
		row_null(row);
	} else if (whole) {
		row_int(row, llrint(value));
	} else {
		row_real(row, value);
	}
}

static uint64_t put_step_metrics(
	struct row *row, struct buf *non_finite, const struct measures *measures) {
	uint64_t computed = 0;
	for (size_t i = 0; i < ARRAY_LEN(step_metrics); i++) {
		const struct step_metric *m = &step_metrics[i];
		if ((measures->present >> m->metric & 1) == 0) {
			row_null(row);
			continue;
		}
		computed |= (measures->computed >> m->metric & 1) << i;
		put_measure(row, non_finite, m->name, measures->value[m->metric], m->whole);
	}
	return computed;
}

static void put_step_sums(struct row *row, struct buf *non_finite, const struct change_step *s) {
	for (size_t i = 0; i < ARRAY_LEN(step_sums); i++) {
		if ((s->scalars_present >> step_sums[i].scalar & 1) == 0) {
			row_null(row);
		} else {
			put_measure(row, non_finite, step_sums[i].name,
				s->scalars[step_sums[i].scalar], false);
		}
	}
}

/* Numbers that have no column; nothing when there are none. */
static int json_put_extras(struct buf *json, const struct change_step *s) {
	int err = 0;
	for (uint32_t i = 0; err == 0 && i < s->n_extras; i++) {
		if ((s->extras_present[i / 64] >> i % 64 & 1) == 0) {
			continue;
		}
		err = json_put_member(json, s->extra_names[i]);
		if (err == 0) {
			err = json_put_number(json, s->extras[i]);
		}
	}
	return err < 0 || json->len == 0 ? err : buf_append(json, "}", 1);
}

int writer_put_step(struct writer *r, int64_t run, const struct change_step *s) {
	struct buf non_finite = {0}, *extra = &r->json;
	struct row row = row_begin(r, STATEMENT_STEP);
	row_int(&row, run);
	row_int(&row, s->step);
	row_int(&row, s->attempt);
	row_int(&row, s->lap);
	row_real(&row, s->time);
	row_real(&row, s->elapsed_s);
	row_uint(&row, s->n_rows);
	row_int(&row, s->ranks_missing);
	uint64_t computed = put_step_metrics(&row, &non_finite, &s->measures);
	put_step_sums(&row, &non_finite, s);
	row_uint(&row, computed);

	buf_clear(extra);
	row_keep(&row, row_memory(json_put_extras(extra, s)));
	row_json(&row, extra);
	if (non_finite.len > 0) {
		row_keep(&row, row_memory(buf_append(&non_finite, "}", 1)));
	}
	row_json(&row, &non_finite);
	int rc = row_end(&row);
	buf_finish(&non_finite);
	return rc;
}

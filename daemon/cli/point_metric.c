#include "point_metric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "format.h"

#define UNKNOWN_WORST ((double)NAN)

/* Like figure_ratio, with a digit more: what matters of it is small. */
static char *format_share(char *out, double value) {
	if (!isfinite(value) || fabs(value) < 0.00095 || fabs(value) >= 100) {
		return format_significant(out, value);
	}
	snprintf(out, FORMAT_MAX, "%.4f", value);
	return out;
}

/* clang-format off */
static const struct point_metric known[] = {
	{.name = "l0", .brief = "l0", .label = "L0 (features active per token)",
		.better = BETTER_LOWER, .decades = true, .worst = UNKNOWN_WORST, .format = format_significant},
	{.name = "fvu", .brief = "fvu", .label = "fraction of variance unexplained",
		.better = BETTER_LOWER, .absolute = true, .worst = 1, .format = format_share},
	{.name = "explained_variance", .brief = "ev", .label = "explained variance",
		.better = BETTER_HIGHER, .absolute = true, .linear = true, .worst = 0, .format = figure_ratio},
	{.name = "explained_variance_legacy", .brief = "ev_legacy", .label = "explained variance (legacy)",
		.better = BETTER_HIGHER, .absolute = true, .linear = true, .worst = 0, .format = figure_ratio},
	{.name = "explained_variance_std", .brief = "ev_std", .label = "explained variance, standard deviation",
		.better = BETTER_LOWER, .absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_share},
	{.name = "explained_variance_legacy_std", .brief = "ev_legacy_std", .label = "explained variance (legacy), standard deviation",
		.better = BETTER_LOWER, .absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_share},
	{.name = "mse_loss", .brief = "mse_loss", .label = "MSE loss",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "l1_loss", .brief = "l1_loss", .label = "L1 loss",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "ghost_grad_loss", .brief = "ghost_grad_loss", .label = "ghost gradient loss",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "overall_loss", .brief = "overall_loss", .label = "overall loss",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "aux_reconstruction_loss", .brief = "aux_reconstruction_loss", .label = "auxiliary reconstruction loss",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "dead_features", .brief = "dead", .label = "dead features",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "dead_10m_tokens", .brief = "dead_10m", .label = "features silent for 10M tokens or more",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "never_fired", .brief = "never_fired", .label = "features that never fired in the window",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "below_1e-5", .brief = "below_1e-5", .label = "features of density below 1e-5",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "below_1e-6", .brief = "below_1e-6", .label = "features of density below 1e-6",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "above_1e-2", .brief = "above_1e-2", .label = "features of density above 0.01",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "above_1e-1", .brief = "above_1e-1", .label = "features of density above 0.1",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "mean_passes_since_fired", .brief = "passes", .label = "mean passes since fired",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = format_significant},
	{.name = "mean_tokens_since_fired", .brief = "tokens_idle", .label = "mean tokens since fired",
		.better = BETTER_LOWER, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "tokens", .brief = "tokens", .label = "tokens",
		.better = BETTER_LOWER, .decades = true, .worst = UNKNOWN_WORST, .format = figure_count},
	{.name = "mean_log10_feature_sparsity", .brief = "mean_log10_feature_sparsity", .label = "mean log10 of feature density",
		.absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "p10", .brief = "p10", .label = "10th percentile of log10 feature density",
		.absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "p25", .brief = "p25", .label = "25th percentile of log10 feature density",
		.absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "p50", .brief = "p50", .label = "median of log10 feature density",
		.absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "p75", .brief = "p75", .label = "75th percentile of log10 feature density",
		.absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "p90", .brief = "p90", .label = "90th percentile of log10 feature density",
		.absolute = true, .linear = true, .worst = UNKNOWN_WORST, .format = format_general},
	{.name = "current_learning_rate", .brief = "current_learning_rate", .label = "learning rate",
		.worst = UNKNOWN_WORST, .format = format_general},
	{.name = "l1_coefficient", .brief = "l1_coefficient", .label = "L1 coefficient",
		.worst = UNKNOWN_WORST, .format = format_general},
};
/* clang-format on */

struct point_metric point_metric_of(const char *name) {
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0) {
			return known[i];
		}
	}
	return (struct point_metric){.name = name,
		.brief = name,
		.label = name,
		.worst = UNKNOWN_WORST,
		.format = format_general};
}

/* Names may hold dots: they are no paths. */
static bool member_number(const json_t *figures, const char *name, double *ret) {
	return document_number(json_object_get(figures, name), "", ret);
}

/* A count of the window is the same under every trainer's rules: it goes before a mean over steps of that name. How far a run is does, too:
 * a trainer may log a number that it calls so. */
bool point_number(const json_t *point, const char *name, double *ret) {
	if (strcmp(name, "tokens") == 0) {
		return member_number(point, name, ret);
	}
	return member_number(document_at(point, "sparsity"), name, ret) ||
	       member_number(document_at(point, "metrics"), name, ret);
}

/* ---- by how much ---- */

static void write_percent(double percent, char ret[POINT_DIFFERENCE_SIZE]) {
	if (fabs(percent) < 0.095) {
		snprintf(ret, POINT_DIFFERENCE_SIZE, "%+.1g %%", percent);
	} else if (fabs(percent) < 9.95) {
		snprintf(ret, POINT_DIFFERENCE_SIZE, "%+.1f %%", percent);
	} else {
		snprintf(ret, POINT_DIFFERENCE_SIZE, "%+.0f %%", percent);
	}
}

static void write_difference(double difference, char ret[POINT_DIFFERENCE_SIZE]) {
	if (fabs(difference) < 0.00095) {
		snprintf(ret, POINT_DIFFERENCE_SIZE, "%+.1g", difference);
	} else {
		snprintf(ret, POINT_DIFFERENCE_SIZE, "%+.3f", difference);
	}
}

void point_metric_difference(const struct point_metric *metric, double value, double other,
	char ret[POINT_DIFFERENCE_SIZE]) {
	if (value == other) {
		snprintf(ret, POINT_DIFFERENCE_SIZE, "the same");
	} else if (metric->absolute) {
		write_difference(value - other, ret);
	} else if (other == 0 || signbit(value) != signbit(other)) {
		/* No factor and no percentage leads from nothing to something, nor across it. */
		char text[FORMAT_MAX];
		snprintf(ret, POINT_DIFFERENCE_SIZE, "%c%s", value < other ? '-' : '+',
			metric->format(text, fabs(value - other)));
	} else if (fabs(value / other) >= 10 || (value != 0 && fabs(value / other) <= 0.005)) {
		char factor[FORMAT_MAX];
		snprintf(ret, POINT_DIFFERENCE_SIZE, "x%s",
			format_significant(factor, value / other));
	} else {
		write_percent(100 * (value - other) / fabs(other), ret);
	}
}

/* ---- names ---- */

static int add_names(json_t *set, const json_t *figures) {
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)figures, name, value) {
		double number;
		if (document_number(value, "", &number) &&
			json_object_set_new(set, name, json_true()) < 0) {
			return -1;
		}
	}
	return 0;
}

static int compare_names(const void *a, const void *b) {
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *join_sorted(json_t *set) {
	size_t n = 0;
	const char **names = calloc(json_object_size(set) + 1, sizeof(*names));
	struct buf text = {0};
	const char *name;
	json_t *value;

	json_object_foreach(set, name, value) {
		if (names) {
			names[n++] = name;
		}
	}
	if (names) {
		qsort(names, n, sizeof(*names), compare_names);
	}
	for (size_t i = 0; i < n; i++) {
		(void)buf_printf(&text, "%s%s", i > 0 ? " " : "", names[i]);
	}
	const char *joined = names ? buf_text(&text) : NULL;
	char *copy = joined ? strdup(joined) : NULL;
	buf_finish(&text);
	free(names);
	return copy;
}

char *point_metric_names(const json_t *runs) {
	json_t *set = json_pack("{s:b}", "tokens", 1);
	size_t i;
	json_t *run;
	int err = set ? 0 : -1;

	json_array_foreach((json_t *)runs, i, run) {
		const json_t *point = document_at(run, "point");
		err = err < 0 ? err : add_names(set, document_at(point, "metrics"));
		err = err < 0 ? err : add_names(set, document_at(point, "sparsity"));
	}
	char *names = err < 0 ? NULL : join_sorted(set);
	json_decref(set);
	return names;
}

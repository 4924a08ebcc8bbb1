#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "picture.h"
#include "point_metric.h"
#include "reduction.h"
#include "run_labels.h"

const char *const figures_metrics[] = {
	"overall_loss", "mse_loss", "l0", "explained_variance", "fvu", "l1_loss"};
const size_t figures_n_metrics = sizeof figures_metrics / sizeof figures_metrics[0];

static const char *const x_labels[] = {[OVER_STEP] = "training step",
	[OVER_TOKENS] = "training tokens",
	[OVER_TIME] = "training time (hours)"};
static const char *const over_names[] = {
	[OVER_STEP] = "step", [OVER_TOKENS] = "tokens", [OVER_TIME] = "time"};

struct making {
	const struct run_steps *runs;
	size_t n, n_columns;
	double x_low, x_high;
	enum axis_choice axis;
	struct reduction_column *columns;
	double *x, *y; /* of one series, as long as the longest */
};

static void find_range(struct making *m) {
	m->x_low = INFINITY;
	m->x_high = -INFINITY;
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->runs[i].n; k++) {
			m->x_low = fmin(m->x_low, m->runs[i].x[k]);
			m->x_high = fmax(m->x_high, m->runs[i].x[k]);
		}
	}
}

/* ---- a series ---- */

static void add_column(json_t *series, const struct reduction_column *c) {
	bool any = c->n > 0;

	json_array_append_new(json_object_get(series, "x"), json_real(c->x));
	json_array_append_new(
		json_object_get(series, "min"), any ? json_real(c->min) : json_null());
	json_array_append_new(
		json_object_get(series, "mean"), any ? json_real(c->mean) : json_null());
	json_array_append_new(
		json_object_get(series, "max"), any ? json_real(c->max) : json_null());
	json_array_append_new(json_object_get(series, "n"), json_integer((json_int_t)c->n));
	json_array_append_new(
		json_object_get(series, "not_finite"), json_integer((json_int_t)c->n_not_finite));
}

static json_t *make_series(struct making *m, size_t run, size_t metric) {
	const struct run_steps *s = &m->runs[run];
	size_t n = 0, n_not_finite = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!isnan(s->y[metric][i])) {
			m->x[n] = s->x[i];
			m->y[n++] = s->y[metric][i];
			n_not_finite += !isfinite(s->y[metric][i]);
		}
	}
	reduction_make(m->x, m->y, n, m->x_low, m->x_high, m->n_columns, m->columns);
	json_t *series = json_pack("{s:I, s:I, s:I, s:[], s:[], s:[], s:[], s:[], s:[]}", "run",
		(json_int_t)run, "n_steps", (json_int_t)n, "n_not_finite", (json_int_t)n_not_finite,
		"x", "min", "mean", "max", "n", "not_finite");
	for (size_t i = 0; series != NULL && i < m->n_columns; i++) {
		if (m->columns[i].n + m->columns[i].n_not_finite > 0) {
			add_column(series, &m->columns[i]);
		}
	}
	return series;
}

/* ---- a panel ---- */

static bool any_has(const struct making *m, size_t metric) {
	for (size_t i = 0; i < m->n; i++) {
		if (run_steps_has(&m->runs[i], metric)) {
			return true;
		}
	}
	return false;
}

static bool prefers_log(const struct making *m, size_t metric, const char *name) {
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->runs[i].n; k++) {
			double y = m->runs[i].y[metric][k];
			low = isfinite(y) ? fmin(low, y) : low;
			high = isfinite(y) ? fmax(high, y) : high;
		}
	}
	return !(m->axis == AXIS_BY_DATA && point_metric_of(name).linear) &&
	       axis_is_log(m->axis, low, high);
}

static json_t *make_panel(struct making *m, size_t metric, const char *name) {
	json_t *panel = json_pack("{s:s, s:s, s:s, s:[]}", "metric", name, "label",
		point_metric_of(name).label, "axis",
		prefers_log(m, metric, name) ? "log" : "linear", "series");

	for (size_t i = 0; i < m->n; i++) {
		if (run_steps_has(&m->runs[i], metric)) {
			(void)json_array_append_new(
				json_object_get(panel, "series"), make_series(m, i, metric));
		}
	}
	return panel;
}

json_t *figures_run(const char *id, const char *name) {
	json_t *run = json_pack("{s:s, s:s}", "id", id, "name", name);

	return run != NULL ? run : json_pack("{s:s, s:s}", "id", id, "name", id);
}

static json_t *make_runs(const struct making *m) {
	json_t *runs = json_array();

	for (size_t i = 0; i < m->n; i++) {
		(void)json_array_append_new(runs, figures_run(m->runs[i].id, m->runs[i].name));
	}
	if (json_array_size(runs) < m->n || run_labels_set(runs) < 0) {
		json_decref(runs);
		return NULL;
	}
	return runs;
}

/* ---- all ---- */

static size_t count_panels(
	const struct making *m, size_t n_metrics, bool all, bool drawn[CURVES_MAX]) {
	size_t n = 0;

	for (size_t i = 0; i < n_metrics; i++) {
		drawn[i] = all || (n < FIGURES_PANELS && any_has(m, i));
		n += drawn[i];
	}
	return n;
}

static bool reserve(struct making *m, double width, size_t n_panels) {
	size_t longest = 1;

	for (size_t i = 0; i < m->n; i++) {
		longest = m->runs[i].n > longest ? m->runs[i].n : longest;
	}
	m->n_columns = (size_t)fmax(16, width / (double)picture_panel_columns(width, n_panels));
	m->columns = calloc(m->n_columns, sizeof *m->columns);
	m->x = calloc(longest, sizeof *m->x);
	m->y = calloc(longest, sizeof *m->y);
	return m->columns != NULL && m->x != NULL && m->y != NULL;
}

json_t *figures_of_curves(const struct run_steps *runs, size_t n, const char *const *metrics,
	bool all, enum steps_over over, enum axis_choice axis, double width,
	char ret_words[FIGURES_WORDS_SIZE]) {
	struct making m = {.runs = runs, .n = n, .axis = axis};
	bool drawn[CURVES_MAX] = {false};
	size_t n_metrics = n > 0 ? runs[0].n_metrics : 0;
	json_t *figures = NULL;

	find_range(&m);
	size_t n_panels = count_panels(&m, n_metrics, all, drawn);
	snprintf(ret_words, FIGURES_WORDS_SIZE, "out of memory");
	if (n_panels == 0 || !(m.x_low <= m.x_high)) {
		snprintf(ret_words, FIGURES_WORDS_SIZE,
			m.x_low <= m.x_high ? "no step has a loss, an L0 or an explained variance; "
					      "name what is to be drawn: --metric NAME"
					    : "there are no steps yet: nothing to draw");
	} else if (reserve(&m, width, n_panels)) {
		figures = json_pack("{s:i, s:s, s:n, s:s, s:s, s:f, s:f, s:o, s:[]}", "schema", 1,
			"kind", "curves", "title", "over", over_names[over], "x_label",
			x_labels[over], "x_low", m.x_low, "x_high", m.x_high, "runs", make_runs(&m),
			"panels");
		for (size_t i = 0; figures != NULL && i < n_metrics; i++) {
			if (drawn[i]) {
				(void)json_array_append_new(json_object_get(figures, "panels"),
					make_panel(&m, i, metrics[i]));
			}
		}
	}
	free(m.columns);
	free(m.x);
	free(m.y);
	return figures;
}

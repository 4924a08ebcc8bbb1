#include "comparison.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison_warnings.h"
#include "run_labels.h"

/* ---- at equal tokens ---- */

double comparison_common_tokens(const json_t *document) {
	const json_t *runs = document_at(document, "runs");
	double least = INFINITY;

	for (size_t i = 0; i < json_array_size(runs); i++) {
		double tokens = document_count(json_array_get(runs, i), "point.tokens");
		least = tokens > 0 ? fmin(least, tokens) : least;
	}
	return isfinite(least) ? least : 0;
}

/* ---- what is compared ---- */

static int take_runs(struct comparison *c, const json_t *runs) {
	char **labels = run_labels_make(runs);

	if (!labels) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->n; i++) {
		struct compared_run *run = &c->runs[i];
		run->run = json_array_get(runs, i);
		run->point = document_at(run->run, "point");
		run->point = json_is_object(run->point) ? run->point : NULL;
		run->mark[0] = (char)('A' + i);
		run->label = labels[i];
	}
	free(labels);
	return 0;
}

static int compare_configs(struct comparison *c) {
	const json_t *configs[COMPARED_MAX];

	for (size_t i = 0; i < c->n; i++) {
		configs[i] = document_at(c->runs[i].run, "config");
	}
	return config_rows_make(configs, c->n, &c->config);
}

/* ---- figures ---- */

static struct comparison_figure *find_figure(struct comparison *c, size_t from, const char *name) {
	for (size_t i = from; i < c->n_figures; i++) {
		if (strcmp(c->figures[i].name, name) == 0) {
			return &c->figures[i];
		}
	}
	return NULL;
}

static struct comparison_figure *add_figure(struct comparison *c, const char *name) {
	struct comparison_figure *figures =
		reallocarray(c->figures, c->n_figures + 1, sizeof(*figures));

	if (!figures) {
		return NULL;
	}
	c->figures = figures;
	figures[c->n_figures] = (struct comparison_figure){.name = name, .best = -1};
	return &figures[c->n_figures++];
}

/* Those of one place, in the order in which the first that has them does. */
static int take_figures(struct comparison *c, const char *place) {
	size_t from = c->n_figures;

	for (size_t i = 0; i < c->n; i++) {
		const char *name;
		json_t *value;
		json_object_foreach((json_t *)document_at(c->runs[i].point, place), name, value) {
			struct comparison_figure *figure = find_figure(c, from, name);
			double number;
			if (!document_number(value, "", &number)) {
				continue;
			}
			figure = figure ? figure : add_figure(c, name);
			if (!figure) {
				return -ENOMEM;
			}
			figure->values[i] = number;
			figure->known[i] = true;
		}
	}
	return 0;
}

/* The one that is better than all others that have it. */
static int best_of(const struct comparison_figure *f, size_t n) {
	struct point_metric metric = point_metric_of(f->name);
	bool higher = metric.better == BETTER_HIGHER, tie = false;
	int best = -1;

	for (size_t i = 0; i < n && metric.better != BETTER_UNKNOWN; i++) {
		if (!f->known[i] || !isfinite(f->values[i])) {
			continue;
		}
		double lead = best < 0 ? 1 : (f->values[i] - f->values[best]) * (higher ? 1 : -1);
		tie = lead == 0 || (tie && lead < 0);
		best = lead > 0 ? (int)i : best;
	}
	return tie ? -1 : best;
}

static void judge_figures(struct comparison *c) {
	for (size_t i = 0; i < c->n_figures; i++) {
		size_t n_known = 0;
		for (size_t j = 0; j < c->n; j++) {
			n_known += c->figures[i].known[j];
		}
		c->figures[i].best = n_known > 1 ? best_of(&c->figures[i], c->n) : -1;
	}
}

static void judge_runs(struct comparison *c) {
	const struct front_axes axes = {c->query.x.higher, c->query.y.higher};
	struct front_point at[COMPARED_MAX];
	bool placed[COMPARED_MAX];

	for (size_t i = 0; i < c->n; i++) {
		const json_t *point = c->runs[i].point;
		placed[i] = point_number(point, c->query.x.metric.name, &at[i].x) &&
			    point_number(point, c->query.y.metric.name, &at[i].y) &&
			    isfinite(at[i].x) && isfinite(at[i].y);
	}
	for (size_t i = 0; i < c->n; i++) {
		for (size_t j = 0; j < c->n; j++) {
			c->dominates[i][j] = placed[i] && placed[j] && i != j &&
					     front_dominates(&axes, at[i], at[j]);
		}
	}
}

int comparison_make(
	const json_t *document, const struct comparison_query *query, struct comparison *ret) {
	const json_t *runs = document_at(document, "runs");
	struct comparison c = {.query = *query, .n = json_array_size(runs)};

	int err = take_runs(&c, runs);
	err = err == 0 ? compare_configs(&c) : err;
	err = err == 0 ? take_figures(&c, "metrics") : err;
	c.n_of_steps = c.n_figures;
	err = err == 0 ? take_figures(&c, "sparsity") : err;
	judge_figures(&c);
	judge_runs(&c);
	if (err == 0) {
		c.warnings = comparison_warnings(&c);
		err = c.warnings ? 0 : -ENOMEM;
	}
	if (err < 0) {
		comparison_finish(&c);
		return err;
	}
	*ret = c;
	return 0;
}

void comparison_finish(struct comparison *c) {
	for (size_t i = 0; i < c->n; i++) {
		free(c->runs[i].label);
		json_decref(c->runs[i].density);
	}
	config_rows_finish(&c->config);
	free(c->figures);
	json_decref(c->warnings);
	*c = (struct comparison){0};
}

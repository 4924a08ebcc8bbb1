#include "report_row.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A curve is this many means unless more are asked for. A run with more steps than are read is sampled: a few steps in a row
 * at so many places, evenly spaced, found by key. What a sample costs is to find and read its page; the steps beside
 * it are on that, too. */
#define POINTS         32u
#define STEPS_READ_MAX 16384
#define PLACES         512
#define PLACES_FINE                                                                                \
	2048            /* of curves that were asked for with extremes: a spike is of a few steps */
#define STEPS_A_PLACE 4 /* fewer than lie between two places */
#define SQL_SIZE      1024

/* The first few are what a run's page shows. */
static const char *const series[] = {"mse_loss", "l1_loss", "overall_loss", "l0",
	"explained_variance", "fvu", "ghost_grad_loss", "aux_reconstruction_loss",
	"explained_variance_std", "dead_features", "mean_passes_since_fired",
	"mean_tokens_since_fired", "current_learning_rate", "l1_coefficient"};
#define N_SERIES     (sizeof series / sizeof series[0])
#define N_SERIES_FEW 6u

/* Where a run went back, the newest attempt's row stands for the step. */
#define WHICH                                                                                      \
	"FROM steps_data s WHERE run = ?1 AND step >= ?2 AND NOT EXISTS (SELECT 1 FROM "           \
	"attempts_data a WHERE a.run = s.run AND a.attempt > s.attempt AND a.step_first <= "       \
	"s.step) "                                                                                 \
	"ORDER BY step"

/* Columns of a row behind the series'. */
enum { AT_STEP, AT_SERIES };
enum { BEHIND_NOT_FINITE, BEHIND_TOKENS, BEHIND_TIME };

struct point {
	double sum, min, max;
	unsigned count, not_finite;
};

struct curves {
	int64_t step_first, step_last;
	unsigned n_points;
	size_t n_series;
	bool fine;
	struct point *points; /* [n_series][n_points] */
	/* Where each point is on other axes: of its last row; NaN where it has none. */
	double *tokens, *times;
};

static struct point *point_at(const struct curves *c, size_t one, unsigned point) {
	return &c->points[one * c->n_points + point];
}

static unsigned point_of(const struct curves *c, int64_t step) {
	int64_t span = c->step_last - c->step_first + 1;
	return (unsigned)((step - c->step_first) * c->n_points / span);
}

static void point_add(struct point *p, double value) {
	p->min = p->count == 0 ? value : fmin(p->min, value);
	p->max = p->count == 0 ? value : fmax(p->max, value);
	p->sum += value;
	p->count++;
}

static double column_or_nan(sqlite3_stmt *st, int column) {
	return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN
							      : sqlite3_column_double(st, column);
}

/* The text is a JSON object whose keys are the names of those values of the step that are not finite. */
static void add_not_finite(struct curves *c, const char *text, unsigned point) {
	json_t *names = text == NULL ? NULL : json_loads(text, 0, NULL);
	for (size_t i = 0; names != NULL && i < c->n_series; i++) {
		point_at(c, i, point)->not_finite += json_object_get(names, series[i]) != NULL;
	}
	json_decref(names);
}

static void add_row(struct curves *c, sqlite3_stmt *st) {
	int64_t step = sqlite3_column_int64(st, AT_STEP);
	if (step > c->step_last) {
		return;
	}
	unsigned point = point_of(c, step);
	for (size_t i = 0; i < c->n_series; i++) {
		if (sqlite3_column_type(st, AT_SERIES + (int)i) != SQLITE_NULL) {
			point_add(point_at(c, i, point),
				sqlite3_column_double(st, AT_SERIES + (int)i));
		}
	}
	if (c->fine) {
		int behind = AT_SERIES + (int)c->n_series;
		add_not_finite(c, (const char *)sqlite3_column_text(st, behind + BEHIND_NOT_FINITE),
			point);
		c->tokens[point] = column_or_nan(st, behind + BEHIND_TOKENS);
		c->times[point] = column_or_nan(st, behind + BEHIND_TIME);
	}
}

static sqlite3_stmt *query_rows(
	struct report *r, const struct report_run *run, const struct curves *c, const char *limit) {
	char sql[SQL_SIZE];
	int len = snprintf(sql, sizeof sql, "SELECT step");
	for (size_t i = 0; i < c->n_series; i++) {
		len += snprintf(sql + len, sizeof sql - (size_t)len, ", %s", series[i]);
	}
	len += snprintf(sql + len, sizeof sql - (size_t)len, "%s " WHICH "%s",
		c->fine ? ", non_finite, coalesce(n_training_tokens, n_tokens_folded), time" : "",
		limit);
	assert((size_t)len < sizeof sql);
	return report_query(r, sql, 2, run->n, c->step_first);
}

static void read_all(struct report *r, const struct report_run *run, struct curves *c) {
	sqlite3_stmt *st = query_rows(r, run, c, "");
	while (report_next(r, &st)) {
		add_row(c, st);
	}
}

static void read_samples(struct report *r, const struct report_run *run, struct curves *c) {
	sqlite3_stmt *st = query_rows(r, run, c, "");
	int64_t span = c->step_last - c->step_first;
	int64_t n_places = c->fine ? PLACES_FINE : PLACES;
	for (int64_t i = 0; st != NULL && i <= n_places; i++) {
		(void)sqlite3_bind_int64(st, 2, c->step_first + span * i / n_places);
		for (int k = 0; k < STEPS_A_PLACE && report_next(r, &st); k++) {
			add_row(c, st);
		}
		if (st != NULL) {
			(void)sqlite3_reset(st);
		}
	}
	report_end(r, &st);
}

static bool read_bounds(struct report *r, const struct report_run *run, struct curves *c) {
	bool any = false;
	sqlite3_stmt *st = report_query(r,
		"SELECT (SELECT step FROM steps_data WHERE run = ?1 ORDER BY step LIMIT 1)", 1,
		run->n);
	while (report_next(r, &st)) {
		any = sqlite3_column_type(st, 0) != SQLITE_NULL;
		c->step_first = sqlite3_column_int64(st, 0);
	}
	c->step_last = run->step;
	return any && run->has_step && c->step_first <= c->step_last;
}

static json_t *now_of(const struct report_run *run, const char *name) {
	static const char *const members[] = {"losses", "metrics", "details", "sparsity"};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		json_t *value = json_object_get(json_object_get(run->object, members[i]), name);
		if (value != NULL) {
			return json_incref(value);
		}
	}
	return json_null();
}

static json_t *number_or_null(double value) {
	return isnan(value) ? json_null() : report_number(value);
}

/* A list of each point's mean, least or greatest. */
static void report_points(struct report *r, const struct curves *c, size_t one, const char *name,
	double (*value)(const struct point *p), json_t *object) {
	json_t *list = json_array();
	report_set(r, object, name, list);
	for (unsigned i = 0; i < c->n_points; i++) {
		const struct point *p = point_at(c, one, i);
		report_append(r, list, p->count == 0 ? json_null() : report_number(value(p)));
	}
}

static double mean_of(const struct point *p) {
	return p->sum / p->count;
}

static double least_of(const struct point *p) {
	return p->min;
}

static double greatest_of(const struct point *p) {
	return p->max;
}

static void report_not_finite(
	struct report *r, const struct curves *c, size_t one, json_t *object) {
	json_t *list = json_array();
	report_set(r, object, "not_finite", list);
	for (unsigned i = 0; i < c->n_points; i++) {
		if (point_at(c, one, i)->not_finite > 0) {
			report_append(r, list, json_integer(i));
		}
	}
}

/* Of all points together. */
static struct point sum_up(const struct curves *c, size_t one) {
	struct point all = {.min = NAN, .max = NAN};
	for (unsigned i = 0; i < c->n_points; i++) {
		const struct point *p = point_at(c, one, i);
		if (p->count > 0) {
			all.min = fmin(all.min, p->min);
			all.max = fmax(all.max, p->max);
		}
		all.count += p->count;
		all.not_finite += p->not_finite;
	}
	return all;
}

static void report_curve(struct report *r, const struct report_run *run, const struct curves *c,
	size_t one, json_t *all) {
	struct point sum = sum_up(c, one);
	if (c->fine && sum.count == 0 && sum.not_finite == 0) {
		return; /* its trainer has no such thing */
	}
	json_t *object = json_object();
	report_set(r, all, series[one], object);
	report_set(r, object, "now", now_of(run, series[one]));
	report_set(r, object, "min", number_or_null(sum.min));
	report_set(r, object, "max", number_or_null(sum.max));
	report_points(r, c, one, "values", mean_of, object);
	if (c->fine) {
		report_points(r, c, one, "lows", least_of, object);
		report_points(r, c, one, "highs", greatest_of, object);
		report_not_finite(r, c, one, object);
	}
}

/* Where the points are on the other axes. */
static void report_places(struct report *r, const struct report_run *run, const struct curves *c) {
	json_t *tokens = json_array(), *times = json_array();
	report_set(r, run->object, "curves.tokens", tokens);
	report_set(r, run->object, "curves.times", times);
	for (unsigned i = 0; i < c->n_points; i++) {
		report_append(r, tokens, number_or_null(c->tokens[i]));
		report_append(r, times, number_or_null(c->times[i]));
	}
}

static bool steps_were_removed(const struct report_run *run) {
	const json_t *first = json_array_get(json_object_get(run->object, "removed"), 0);
	const char *what = json_string_value(json_object_get(first, "what"));
	return what != NULL && strcmp(what, "steps") == 0;
}

static void report_all_curves(
	struct report *r, const struct report_run *run, const struct curves *c, bool sampled) {
	report_set(r, run->object, "curves.step_first", json_integer(c->step_first));
	report_set(r, run->object, "curves.step_last", json_integer(c->step_last));
	report_set(r, run->object, "curves.sampled", json_boolean(sampled));
	json_t *all = json_object();
	report_set(r, run->object, "curves.series", all);
	for (size_t i = 0; i < c->n_series; i++) {
		report_curve(r, run, c, i, all);
	}
	if (c->fine) {
		report_places(r, run, c);
	}
}

static bool take_memory(struct curves *c) {
	c->points = calloc(c->n_series * c->n_points, sizeof *c->points);
	c->tokens = calloc(c->n_points, sizeof *c->tokens);
	c->times = calloc(c->n_points, sizeof *c->times);
	for (unsigned i = 0; c->tokens != NULL && c->times != NULL && i < c->n_points; i++) {
		c->tokens[i] = c->times[i] = NAN;
	}
	return c->points != NULL && c->tokens != NULL && c->times != NULL;
}

void report_curves(struct report *r, const struct report_run *run) {
	struct curves c = {
		.fine = r->points > 0, .n_series = r->points > 0 ? N_SERIES : N_SERIES_FEW};
	if (!read_bounds(r, run, &c)) {
		report_set(r, run->object, "curves", json_null());
		return;
	}
	int64_t span = c.step_last - c.step_first + 1;
	int64_t wanted = !c.fine                         ? POINTS
			 : r->points > REPORT_POINTS_MAX ? REPORT_POINTS_MAX
							 : r->points;
	bool sampled = span > STEPS_READ_MAX;
	c.n_points = (unsigned)(span < wanted ? span : wanted);
	if (!take_memory(&c)) {
		r->err = r->err < 0 ? r->err : -ENOMEM;
	} else if (sampled) {
		read_samples(r, run, &c);
	} else {
		read_all(r, run, &c);
	}
	if (r->err == 0) {
		report_all_curves(r, run, &c, sampled || steps_were_removed(run));
	}
	free(c.points);
	free(c.tokens);
	free(c.times);
}

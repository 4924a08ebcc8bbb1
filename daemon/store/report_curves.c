#include "report_row.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A curve is this many means. A run with more steps than are read is sampled: so many steps a mean,
 * evenly spaced, found by key. */
#define POINTS          32
#define STEPS_READ_MAX  16384
#define SAMPLES_A_POINT 64

static const char *const series[] = {
	"mse_loss", "l1_loss", "overall_loss", "l0", "explained_variance", "fvu"};
#define N_SERIES (sizeof series / sizeof series[0])

/* Where a run went back, the newest attempt's row stands for the step. */
#define ROWS                                                                                       \
	"SELECT step, mse_loss, l1_loss, overall_loss, l0, explained_variance, fvu "               \
	"FROM steps_data s WHERE run = ?1 AND step >= ?2 AND NOT EXISTS (SELECT 1 FROM "           \
	"attempts_data a WHERE a.run = s.run AND a.attempt > s.attempt AND a.step_first <= "       \
	"s.step) "                                                                                 \
	"ORDER BY step "

struct curve {
	double sum[POINTS];
	int count[POINTS];
	double min, max;
};

struct curves {
	int64_t step_first, step_last;
	int n_points;
	struct curve curves[N_SERIES];
};

static int point_of(const struct curves *c, int64_t step) {
	int64_t span = c->step_last - c->step_first + 1;
	return (int)((step - c->step_first) * c->n_points / span);
}

static void add_row(struct curves *c, sqlite3_stmt *st) {
	int64_t step = sqlite3_column_int64(st, 0);
	if (step > c->step_last) {
		return;
	}
	int point = point_of(c, step);
	for (size_t i = 0; i < N_SERIES; i++) {
		struct curve *curve = &c->curves[i];
		if (sqlite3_column_type(st, (int)i + 1) == SQLITE_NULL) {
			continue;
		}
		double value = sqlite3_column_double(st, (int)i + 1);
		curve->sum[point] += value;
		curve->count[point]++;
		curve->min = fmin(curve->min, value);
		curve->max = fmax(curve->max, value);
	}
}

static void read_all(struct report *r, const struct report_run *run, struct curves *c) {
	sqlite3_stmt *st = report_query(r, ROWS, 2, run->n, c->step_first);
	while (report_next(r, &st)) {
		add_row(c, st);
	}
}

static void read_samples(struct report *r, const struct report_run *run, struct curves *c) {
	sqlite3_stmt *st = report_query(r, ROWS "LIMIT 1", 2, run->n, c->step_first);
	int64_t span = c->step_last - c->step_first;
	int64_t n_samples = POINTS * SAMPLES_A_POINT;
	for (int64_t i = 0; st != NULL && i <= n_samples; i++) {
		(void)sqlite3_bind_int64(st, 2, c->step_first + span * i / n_samples);
		if (report_next(r, &st)) {
			add_row(c, st);
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
	json_t *value = json_object_get(json_object_get(run->object, "losses"), name);
	if (value == NULL) {
		value = json_object_get(json_object_get(run->object, "metrics"), name);
	}
	return value == NULL ? json_null() : json_incref(value);
}

static void report_curve(struct report *r, const struct report_run *run, const struct curves *c,
	size_t i, json_t *all) {
	const struct curve *curve = &c->curves[i];
	json_t *object = json_object(), *points = json_array();
	report_set(r, all, series[i], object);
	report_set(r, object, "now", now_of(run, series[i]));
	report_set(r, object, "min", isnan(curve->min) ? json_null() : json_real(curve->min));
	report_set(r, object, "max", isnan(curve->max) ? json_null() : json_real(curve->max));
	report_set(r, object, "values", points);
	for (int p = 0; p < c->n_points; p++) {
		report_append(r, points,
			curve->count[p] == 0 ? json_null()
					     : report_number(curve->sum[p] / curve->count[p]));
	}
}

static bool steps_were_removed(const struct report_run *run) {
	const json_t *first = json_array_get(json_object_get(run->object, "removed"), 0);
	const char *what = json_string_value(json_object_get(first, "what"));
	return what != NULL && strcmp(what, "steps") == 0;
}

void report_curves(struct report *r, const struct report_run *run) {
	struct curves c = {0};
	if (!read_bounds(r, run, &c)) {
		report_set(r, run->object, "curves", json_null());
		return;
	}
	for (size_t i = 0; i < N_SERIES; i++) {
		c.curves[i].min = c.curves[i].max = NAN;
	}
	int64_t span = c.step_last - c.step_first + 1;
	bool sampled = span > STEPS_READ_MAX;
	c.n_points = span < POINTS ? (int)span : POINTS;
	if (sampled) {
		read_samples(r, run, &c);
	} else {
		read_all(r, run, &c);
	}
	sampled = sampled || steps_were_removed(run);

	report_set(r, run->object, "curves.step_first", json_integer(c.step_first));
	report_set(r, run->object, "curves.step_last", json_integer(c.step_last));
	report_set(r, run->object, "curves.sampled", json_boolean(sampled));
	json_t *all = json_object();
	report_set(r, run->object, "curves.series", all);
	for (size_t i = 0; i < N_SERIES; i++) {
		report_curve(r, run, &c, i, all);
	}
}

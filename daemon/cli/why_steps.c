/* The steps around the moment, one by one, and the same metrics over a wider range. */
#include "why_private.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "definition.h"
#include "document.h"
#include "scalars.h"

#define CURVE_STEPS_BEFORE 384
#define CURVE_STEPS_BEHIND 128
#define CURVE_POINTS       64

#define STEP_COLUMNS                                                                               \
	"step, mse_loss, l1_loss, ghost_grad_loss, aux_reconstruction_loss, overall_loss, l0, "    \
	"explained_variance, fvu, current_learning_rate, l1_coefficient, dead_features, "          \
	"n_nan_acts, extra AS \"extra:json\", non_finite AS \"non_finite:json\""

/* Half of them before the moment, half behind it; where the run ends before that, more of those before. */
static sqlite3_stmt *query_steps(struct why_building *b) {
	int64_t n = b->query->n_steps;

	return report_query(&b->r,
		"WITH behind AS (SELECT * FROM steps WHERE run = " OF_RUN
		" AND step >= ?3 AND attempt = ?2 ORDER BY step LIMIT ?4 - ?4 / 2), "
		"before AS (SELECT * FROM steps WHERE run = " OF_RUN
		" AND step < ?3 AND attempt = ?2 ORDER BY step DESC LIMIT ?4 - (SELECT count(*) "
		"FROM behind)) SELECT " STEP_COLUMNS
		" FROM (SELECT * FROM before UNION ALL SELECT * FROM behind) ORDER BY step",
		4, b->query->run, b->attempt, b->step, n);
}

/* One of the view's that is not asked for: a sum, say. Not finite it would be a column of its own, with nothing in it where it
 * is finite. */
static bool is_left_out(const json_t *row, const char *name) {
	return json_object_get(row, name) == NULL &&
	       (metric_find(name) >= 0 || scalar_find(text_of(name, strlen(name))) >= 0);
}

/* What has no column, or is not finite there, stands among what has: whatever the trainer calls it, it takes no other's place. */
static void lift(struct report *r, json_t *row, const char *name) {
	bool has_all = strcmp(name, "non_finite") != 0;
	json_t *object = json_object_get(row, name), *value;
	const char *key;

	json_object_foreach(object, key, value) {
		const json_t *own = json_object_get(row, key);
		if ((own == NULL || json_is_null(own)) && (has_all || !is_left_out(row, key)) &&
			json_object_set(row, key, value) < 0) {
			r->err = -ENOMEM;
		}
	}
	(void)json_object_del(row, name);
}

/* One that is in the history alone. */
static void lift_gradient(struct why_building *b, json_t *row) {
	const struct why_findings *f = &b->findings;
	json_t *value = json_null();

	if (f->gradient_key == 0) {
		return;
	}
	sqlite3_stmt *st = report_query(&b->r,
		"SELECT CASE kind WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' "
		"ELSE value END FROM history_data WHERE run = ?1 AND step = ?2 AND attempt = ?3 "
		"AND key = ?4 ORDER BY line DESC LIMIT 1",
		4, b->query->run, json_integer_value(json_object_get(row, "step")), b->attempt,
		f->gradient_key);
	while (report_next(&b->r, &st)) {
		value = sqlite3_column_type(st, 0) == SQLITE_TEXT
				? json_string((const char *)sqlite3_column_text(st, 0))
				: report_number(sqlite3_column_double(st, 0));
	}
	if (json_object_set_new(row, f->gradient, value) < 0) {
		b->r.err = -ENOMEM;
	}
}

/* As high as what was told of as a spike, or a value that is not finite. */
static bool is_unusual(const struct why_building *b, const char *name, const json_t *value) {
	const struct why_findings *f = &b->findings;
	double number;

	if (!document_number(value, "", &number)) {
		return false;
	}
	if (!isfinite(number)) {
		return true;
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct why_observation *o = &f->observations[i];
		double factor = strcmp(name, f->gradient) == 0 ? ANOMALY_GRADIENT_FACTOR
							       : ANOMALY_LOSS_FACTOR;
		if (o->kind == WHY_SPIKE && why_is_with_moment(b, o) &&
			strcmp(o->name, name) == 0 && number > factor * o->usual) {
			return true;
		}
	}
	return strcmp(name, "n_nan_acts") == 0 && number > 0;
}

static void put_unusual(struct why_building *b, json_t *row) {
	json_t *names = json_array(), *value;
	const char *name;

	json_object_foreach(row, name, value) {
		if (is_unusual(b, name, value)) {
			report_append(&b->r, names, json_string(name));
		}
	}
	report_set(&b->r, row, "unusual", names);
}

void why_put_steps(struct why_building *b) {
	size_t i;
	json_t *row;

	why_put_rows(b, "steps", query_steps(b));
	json_array_foreach(json_object_get(b->document, "steps"), i, row) {
		lift(&b->r, row, "extra");
		lift(&b->r, row, "non_finite");
		lift_gradient(b, row);
		put_unusual(b, row);
	}
}

/* ---- curves ---- */

struct curve {
	double sum[CURVE_POINTS], min, max;
	unsigned n[CURVE_POINTS];
	bool broken[CURVE_POINTS], has_steps[CURVE_POINTS];
};

static void curve_add(struct curve *c, size_t point, const json_t *value) {
	double number;

	c->has_steps[point] = true;
	if (!document_number(value, "", &number)) {
		return;
	}
	if (!isfinite(number)) {
		c->broken[point] = true;
		return;
	}
	c->sum[point] += number;
	c->n[point]++;
	c->min = fmin(c->min, number);
	c->max = fmax(c->max, number);
}

static void put_curve(
	struct why_building *b, json_t *series, const char *name, const struct curve *c) {
	json_t *object = json_object(), *values = json_array();
	double last = NAN; /* what is not logged with every step is as it was logged last */

	if (json_object_set_new(series, name, object) <
		0) { /* the trainer's name may have dots in it */
		b->r.err = -ENOMEM;
		json_decref(values);
		return;
	}
	report_set(&b->r, object, "min", isnan(c->min) ? json_null() : json_real(c->min));
	report_set(&b->r, object, "max", isnan(c->max) ? json_null() : json_real(c->max));
	report_set(&b->r, object, "values", values);
	for (size_t i = 0; i < CURVE_POINTS; i++) {
		last = c->n[i] > 0 ? c->sum[i] / c->n[i] : c->has_steps[i] ? last : (double)NAN;
		report_append(&b->r, values,
			c->broken[i]  ? json_string("NaN")
			: isnan(last) ? json_null()
				      : json_real(last));
	}
}

static void make_curve(struct why_building *b, const json_t *rows, int64_t from, const char *name,
	json_t *series) {
	struct curve c = {.min = NAN, .max = NAN};
	bool any = false;
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		int64_t step = json_integer_value(json_object_get(row, "step"));
		const json_t *value = json_object_get(row, name);
		any = any || (value && !json_is_null(value));
		curve_add(&c,
			(size_t)((step - from) * CURVE_POINTS /
				 (CURVE_STEPS_BEFORE + CURVE_STEPS_BEHIND)),
			value);
	}
	if (any) {
		put_curve(b, series, name, &c);
	}
}

void why_put_curves(struct why_building *b) {
	static const char *const names[] = {"mse_loss", "l1_loss", "overall_loss", "l0",
		"explained_variance", "current_learning_rate", "dead_features"};
	int64_t from = b->step > CURVE_STEPS_BEFORE ? b->step - CURVE_STEPS_BEFORE : 0;
	int64_t to = from + CURVE_STEPS_BEFORE + CURVE_STEPS_BEHIND - 1;
	json_t *series = json_object(), *row;
	size_t i;

	why_put_rows(b, "_rows",
		report_query(&b->r,
			"SELECT " STEP_COLUMNS " FROM steps WHERE run = " OF_RUN
			" AND step >= ?3 AND step <= ?4 AND attempt = ?2 ORDER BY step",
			4, b->query->run, b->attempt, from, to));
	json_t *rows = json_incref(json_object_get(b->document, "_rows"));
	(void)json_object_del(b->document, "_rows");
	json_array_foreach(rows, i, row) {
		lift(&b->r, row, "extra");
		lift(&b->r, row, "non_finite");
		lift_gradient(b, row);
	}
	report_set(&b->r, b->document, "curves.step_first", json_integer(from));
	report_set(&b->r, b->document, "curves.step_last", json_integer(to));
	report_set(&b->r, b->document, "curves.series", series);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		make_curve(b, rows, from, names[i], series);
	}
	if (b->findings.gradient[0]) {
		make_curve(b, rows, from, b->findings.gradient, series);
	}
	json_decref(rows);
}

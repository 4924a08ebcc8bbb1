#include "why_document.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "document.h"
#include "report_row.h"
#include "why_find.h"

#define CURVE_STEPS_BEFORE 384
#define CURVE_STEPS_BEHIND 128
#define CURVE_POINTS       64
#define EVENTS_STEPS       500 /* before and behind the moment */
#define EVENTS_SECONDS     600 /* of those that have no step */
#define OF_RUN             "(SELECT id FROM runs_data WHERE n = ?1)"

struct building {
	struct report r;
	const struct why_query *query;
	json_t *document;
	struct why_findings findings;
	const struct why_observation *first; /* NULL: none */
	int64_t attempt, step;               /* the moment */
};

/* ---- what was seen ---- */

static const char *const kinds[] = {
	[WHY_NOT_FINITE] = "not_finite",
	[WHY_SPIKE] = "spike",
	[WHY_GAP] = "gap",
	[WHY_DEATHS] = "deaths",
	[WHY_END] = "end",
};

static bool is_with_moment(const struct building *b, const struct why_observation *o) {
	const struct why_observation moment = {.attempt = (uint32_t)b->attempt, .step = b->step};

	return b->first && why_is_near(o, &moment);
}

static void put_observation(struct building *b, const struct why_observation *o, json_t *list) {
	json_t *object = json_object();

	report_append(&b->r, list, object);
	report_set(&b->r, object, "kind", json_string(kinds[o->kind]));
	report_set(&b->r, object, "name", o->name[0] ? json_string(o->name) : json_null());
	report_set(&b->r, object, "attempt", json_integer(o->attempt));
	report_set(&b->r, object, "step", json_integer(o->step));
	report_set(&b->r, object, "value", o->name[0] ? report_number(o->value) : json_null());
	report_set(&b->r, object, "usual", o->has_usual ? report_number(o->usual) : json_null());
	report_set(&b->r, object, "words", json_string(o->words));
	report_set(&b->r, object, "with_moment", json_boolean(is_with_moment(b, o)));
}

static void put_observations(struct building *b) {
	const struct why_findings *f = &b->findings;
	json_t *list = json_array();

	report_set(&b->r, b->document, "observations", list);
	for (size_t i = 0; i < f->n; i++) {
		put_observation(b, &f->observations[i], list);
	}
	report_set(&b->r, b->document, "observations_left_out",
		json_integer((json_int_t)f->n_left_out));
}

static void put_looked_at(struct building *b) {
	const struct why_findings *f = &b->findings;
	json_t *object = json_object();

	report_set(&b->r, b->document, "looked_at", object);
	report_set(&b->r, object, "steps", json_integer((json_int_t)f->n_steps));
	report_set(&b->r, object, "windows", json_integer((json_int_t)f->n_windows));
	report_set(
		&b->r, object, "gradient", f->gradient[0] ? json_string(f->gradient) : json_null());
	report_set(&b->r, object, "removed_through",
		f->removed_through >= 0 ? json_integer(f->removed_through) : json_null());
}

/* ---- the run, and where it is looked at ---- */

static void put_rows(struct building *b, const char *name, sqlite3_stmt *st) {
	json_t *list = json_array();

	report_set(&b->r, b->document, name, list);
	while (report_next(&b->r, &st)) {
		json_t *row = json_object();
		report_append(&b->r, list, row);
		report_take_row(&b->r, st, row);
	}
}

static void put_run(struct building *b) {
	json_t *run = json_object();
	sqlite3_stmt *st = report_query(&b->r,
		"SELECT id, name, project, state, exit_code, end_words, attempt, step, started AS "
		"\"started:time\", last_seen AS \"last_seen:time\", ended AS \"ended:time\" FROM "
		"runs WHERE id = " OF_RUN,
		1, b->query->run);

	report_set(&b->r, b->document, "run", run);
	while (report_next(&b->r, &st)) {
		report_take_row(&b->r, st, run);
	}
}

/* The step that was asked for, or the next one there is; of several attempts the newest that has it. */
static bool find_asked(struct building *b) {
	bool found = false;
	sqlite3_stmt *st = report_query(&b->r,
		"SELECT attempt, step FROM steps WHERE run = " OF_RUN
		" AND step >= ?2 ORDER BY step, attempt DESC LIMIT 1",
		2, b->query->run, b->query->at);

	while (report_next(&b->r, &st)) {
		b->attempt = sqlite3_column_int64(st, 0);
		b->step = sqlite3_column_int64(st, 1);
		found = true;
	}
	return found;
}

static bool find_moment(struct building *b) {
	b->first = why_first(&b->findings);
	if (b->query->has_at) {
		return find_asked(b);
	}
	if (b->first) {
		b->attempt = b->first->attempt;
		b->step = b->first->step;
	}
	return b->first != NULL;
}

static void put_moment(struct building *b) {
	json_t *moment = json_object();

	report_set(&b->r, b->document, "moment", moment);
	report_set(&b->r, moment, "attempt", json_integer(b->attempt));
	report_set(&b->r, moment, "step", json_integer(b->step));
	report_set(&b->r, moment, "asked_for", json_boolean(b->query->has_at));
}

/* ---- steps ---- */

#define STEP_COLUMNS                                                                               \
	"step, mse_loss, l1_loss, ghost_grad_loss, aux_reconstruction_loss, overall_loss, l0, "    \
	"explained_variance, fvu, current_learning_rate, l1_coefficient, dead_features, "          \
	"n_nan_acts, extra AS \"extra:json\", non_finite AS \"non_finite:json\""

/* Half of them before the moment, half behind it; where the run ends before that, more of those before. */
static sqlite3_stmt *query_steps(struct building *b) {
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

/* What has no column, or is not finite there, stands among what has: whatever the trainer calls it, it takes no other's place. */
static void lift(struct report *r, json_t *row, const char *name) {
	json_t *object = json_object_get(row, name), *value;
	const char *key;

	json_object_foreach(object, key, value) {
		const json_t *own = json_object_get(row, key);
		if ((!own || json_is_null(own)) && json_object_set(row, key, value) < 0) {
			r->err = -ENOMEM;
		}
	}
	(void)json_object_del(row, name);
}

/* As high as what was told of as a spike, or a value that is not finite. */
static bool is_unusual(const struct building *b, const char *name, const json_t *value) {
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
		if (o->kind == WHY_SPIKE && is_with_moment(b, o) && strcmp(o->name, name) == 0 &&
			number > factor * o->usual) {
			return true;
		}
	}
	return strcmp(name, "n_nan_acts") == 0 && number > 0;
}

static void put_unusual(struct building *b, json_t *row) {
	json_t *names = json_array(), *value;
	const char *name;

	json_object_foreach(row, name, value) {
		if (is_unusual(b, name, value)) {
			report_append(&b->r, names, json_string(name));
		}
	}
	report_set(&b->r, row, "unusual", names);
}

static void put_steps(struct building *b) {
	size_t i;
	json_t *row;

	put_rows(b, "steps", query_steps(b));
	json_array_foreach(json_object_get(b->document, "steps"), i, row) {
		lift(&b->r, row, "extra");
		lift(&b->r, row, "non_finite");
		put_unusual(b, row);
	}
}

/* ---- curves ---- */

struct curve {
	double sum[CURVE_POINTS], min, max;
	unsigned n[CURVE_POINTS];
	bool broken[CURVE_POINTS];
};

static void curve_add(struct curve *c, size_t point, const json_t *value) {
	double number;

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

static void put_curve(struct building *b, json_t *series, const char *name, const struct curve *c) {
	json_t *object = json_object(), *values = json_array();

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
		report_append(&b->r, values,
			c->broken[i]  ? json_string("NaN")
			: c->n[i] > 0 ? json_real(c->sum[i] / c->n[i])
				      : json_null());
	}
}

static void make_curve(
	struct building *b, const json_t *rows, int64_t from, const char *name, json_t *series) {
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

static void put_curves(struct building *b) {
	static const char *const names[] = {"mse_loss", "l1_loss", "overall_loss", "l0",
		"explained_variance", "current_learning_rate", "dead_features"};
	int64_t from = b->step > CURVE_STEPS_BEFORE ? b->step - CURVE_STEPS_BEFORE : 0;
	int64_t to = from + CURVE_STEPS_BEFORE + CURVE_STEPS_BEHIND - 1;
	json_t *series = json_object(), *row;
	size_t i;

	put_rows(b, "_rows",
		report_query(&b->r,
			"SELECT " STEP_COLUMNS " FROM steps WHERE run = " OF_RUN
			" AND step >= ?3 AND step <= ?4 AND attempt = ?2 ORDER BY step",
			4, b->query->run, b->attempt, from, to));
	json_t *rows = json_incref(json_object_get(b->document, "_rows"));
	(void)json_object_del(b->document, "_rows");
	json_array_foreach(rows, i, row) {
		lift(&b->r, row, "extra");
		lift(&b->r, row, "non_finite");
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

/* ---- windows and events ---- */

/* Three before that in which the moment is, and three from there; of deaths that in which they were seen. */
static void put_windows(struct building *b) {
	bool deaths = b->first && b->first->kind == WHY_DEATHS && !b->query->has_at;

	put_rows(b, "windows",
		report_query(&b->r,
			"WITH w AS (SELECT * FROM windows WHERE run = " OF_RUN
			" AND attempt = ?2), "
			"behind AS (SELECT * FROM w WHERE (?4 AND window >= ?3) OR (NOT ?4 AND "
			"step_last >= ?3) ORDER BY window LIMIT 3), before AS (SELECT * FROM w "
			"WHERE (?4 AND window < ?3) OR (NOT ?4 AND step_last < ?3) ORDER BY window "
			"DESC LIMIT 3) "
			"SELECT window, step_first, step_last, complete AS \"complete:bool\", "
			"dead_features, revived, newly_dead, never_fired, d_sae FROM (SELECT * "
			"FROM before UNION ALL SELECT * FROM behind) ORDER BY window",
			4, b->query->run, b->attempt, deaths ? b->first->window : b->step,
			(int64_t)deaths));
}

/* Of the run's own record: what happened about then, checkpoints, and where attempts begin. */
static void put_events(struct building *b) {
	put_rows(b, "events",
		report_query(&b->r,
			"WITH e AS (SELECT time, attempt, step, kind, text FROM events WHERE run "
			"= " OF_RUN
			" UNION ALL SELECT time, attempt, step, 'mark', text FROM marks WHERE run "
			"= " OF_RUN
			" UNION ALL SELECT time, attempt, step_first, 'attempt', 'attempt ' || "
			"attempt || CASE restored_from WHEN 'start' THEN '' ELSE ', state: ' || "
			"restored_from END FROM attempts WHERE attempt > 1 AND run = " OF_RUN
			"), t AS (SELECT time FROM steps WHERE run = " OF_RUN
			" AND step >= ?3 AND attempt = ?2 ORDER BY step LIMIT 1) "
			"SELECT time AS \"time:time\", attempt, step, kind, text FROM e WHERE "
			"abs(step - ?3) <= ?4 OR (step IS NULL AND abs(time - (SELECT time FROM "
			"t)) <= ?5) ORDER BY time, step LIMIT 40",
			5, b->query->run, b->attempt, b->step, (int64_t)EVENTS_STEPS,
			(int64_t)EVENTS_SECONDS));
}

static void put_nothing(struct building *b) {
	static const char *const lists[] = {"steps", "windows", "events"};

	report_set(&b->r, b->document, "moment", json_null());
	put_observations(b);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		report_set(&b->r, b->document, lists[i], json_array());
	}
	report_set(&b->r, b->document, "curves", json_null());
}

static void build(struct building *b) {
	report_set(&b->r, b->document, "schema", json_integer(REPORT_SCHEMA));
	put_run(b);
	put_looked_at(b);
	if (!find_moment(b)) {
		put_nothing(b);
		return;
	}
	put_moment(b);
	put_observations(b);
	put_steps(b);
	put_curves(b);
	put_windows(b);
	put_events(b);
}

int why_document(sqlite3 *sql, const struct why_query *query, json_t **ret) {
	struct building b = {
		.r = {.sql = sql, .now = clock_wall()}, .query = query, .document = json_object()};

	if (!b.document) {
		return -ENOMEM;
	}
	b.r.err = why_find(sql, query->run, &b.findings);
	build(&b);
	why_findings_finish(&b.findings);
	if (b.r.err < 0) {
		json_decref(b.document);
		return b.r.err;
	}
	*ret = b.document;
	return 0;
}

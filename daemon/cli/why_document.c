#include "why_private.h"

#include <errno.h>

#include "clock.h"

/* ---- what was seen ---- */

static const char *const kinds[] = {
	[WHY_NOT_FINITE] = "not_finite",
	[WHY_SPIKE] = "spike",
	[WHY_GAP] = "gap",
	[WHY_DEATHS] = "deaths",
	[WHY_END] = "end",
};

bool why_is_with_moment(const struct why_building *b, const struct why_observation *o) {
	const struct why_observation moment = {.attempt = (uint32_t)b->attempt, .step = b->step};

	return b->first && why_is_near(o, &moment);
}

static void put_observation(struct why_building *b, const struct why_observation *o, json_t *list) {
	json_t *object = json_object();

	report_append(&b->r, list, object);
	report_set(&b->r, object, "kind", json_string(kinds[o->kind]));
	report_set(&b->r, object, "name", o->name[0] ? json_string(o->name) : json_null());
	report_set(&b->r, object, "attempt", json_integer(o->attempt));
	report_set(&b->r, object, "step", json_integer(o->step));
	report_set(&b->r, object, "value", o->name[0] ? report_number(o->value) : json_null());
	report_set(&b->r, object, "usual", o->has_usual ? report_number(o->usual) : json_null());
	report_set(&b->r, object, "words", json_string(o->words));
	if (o->kind == WHY_DEATHS) {
		report_set(&b->r, object, "window", json_integer(o->window));
		report_set(&b->r, object, "features", json_null());
	}
	report_set(&b->r, object, "with_moment", json_boolean(why_is_with_moment(b, o)));
}

static void put_observations(struct why_building *b) {
	const struct why_findings *f = &b->findings;
	json_t *list = json_array();

	report_set(&b->r, b->document, "observations", list);
	for (size_t i = 0; i < f->n; i++) {
		put_observation(b, &f->observations[i], list);
	}
	report_set(&b->r, b->document, "observations_left_out",
		json_integer((json_int_t)f->n_left_out));
}

static void put_looked_at(struct why_building *b) {
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

void why_put_rows(struct why_building *b, const char *name, sqlite3_stmt *st) {
	json_t *list = json_array();

	report_set(&b->r, b->document, name, list);
	while (report_next(&b->r, &st)) {
		json_t *row = json_object();
		report_append(&b->r, list, row);
		report_take_row(&b->r, st, row);
	}
}

static void put_run(struct why_building *b) {
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
static bool find_asked(struct why_building *b) {
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

static bool find_moment(struct why_building *b) {
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

static void put_moment(struct why_building *b) {
	json_t *moment = json_object();

	report_set(&b->r, b->document, "moment", moment);
	report_set(&b->r, moment, "attempt", json_integer(b->attempt));
	report_set(&b->r, moment, "step", json_integer(b->step));
	report_set(&b->r, moment, "asked_for", json_boolean(b->query->has_at));
}

/* ---- all of it ---- */

static void put_nothing(struct why_building *b) {
	static const char *const lists[] = {"steps", "windows", "deaths", "events"};

	report_set(&b->r, b->document, "moment", json_null());
	put_observations(b);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		report_set(&b->r, b->document, lists[i], json_array());
	}
	report_set(&b->r, b->document, "curves", json_null());
}

static void build(struct why_building *b) {
	report_set(&b->r, b->document, "schema", json_integer(REPORT_SCHEMA));
	put_run(b);
	put_looked_at(b);
	if (!find_moment(b)) {
		put_nothing(b);
		return;
	}
	put_moment(b);
	put_observations(b);
	why_put_waves(b);
	why_put_steps(b);
	why_put_curves(b);
	why_put_windows(b);
	why_put_deaths(b);
	why_put_events(b);
}

int why_document(sqlite3 *sql, const struct why_query *query, json_t **ret) {
	struct why_building b = {
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

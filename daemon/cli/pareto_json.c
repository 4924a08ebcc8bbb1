#include "pareto_json.h"

#include <math.h>
#include <string.h>

#include "json_part.h"
#include "report_row.h"

static json_t *axis_json(const struct pareto_axis *axis) {
	return json_pack("{s:s, s:s, s:b}", "metric", axis->metric.name, "better",
		axis->higher ? "higher" : "lower", "log10", axis->metric.decades);
}

/* What names a run, and says how far it is. */
static json_t *run_json(const json_t *run) {
	static const char *const names[] = {
		"id", "name", "project", "group", "user", "state", "profile", "d_sae", NULL};

	return json_part_members(run, names);
}

static void put_place(const struct pareto *p, const json_t *point, json_t *out) {
	const char *names[2] = {p->query.x.metric.name, p->query.y.metric.name};

	for (size_t i = 0; i < 2; i++) {
		double value;
		(void)json_object_set_new(out, names[i],
			point_number(point, names[i], &value) ? json_part_number(value)
							      : json_null());
	}
	(void)json_object_set_new(out, "tokens", json_part_member(point, "tokens"));
	(void)json_object_set_new(out, "window", json_part_member(point, "window"));
	(void)json_object_set_new(out, "step_last", json_part_member(point, "step_last"));
}

static json_t *path_json(const struct pareto *p, const json_t *run) {
	json_t *out = json_array();
	size_t i;
	json_t *point;

	json_array_foreach(document_at(run, "trajectory"), i, point) {
		json_t *one = json_object();
		put_place(p, point, one);
		(void)json_array_append_new(out, one);
	}
	return out;
}

/* By how much it is worse on an axis: the difference, and as a share of what it is compared with. */
static json_t *worse_json(double value, double other) {
	return json_pack("{s:o, s:o}", "difference", json_part_number(value - other), "relative",
		other != 0 ? json_part_number((value - other) / fabs(other)) : json_null());
}

static json_t *placed_json(
	const struct pareto *p, const struct pareto_run *run, bool trajectories) {
	json_t *out = run_json(run->run);
	double dead;

	put_place(p, run->point, out);
	if (point_number(run->point, "dead_features", &dead)) {
		(void)json_object_set_new(out, "dead_features", json_part_number(dead));
	}
	(void)json_object_set_new(out, "mark", run->mark[0] ? json_string(run->mark) : json_null());
	if (run->dominator) {
		(void)json_object_set_new(
			out, "dominated_by", json_part_member(run->dominator->run, "id"));
		(void)json_object_set_new(
			out, "n_dominators", json_integer((json_int_t)run->n_dominators));
		(void)json_object_set_new(out, "worse",
			json_pack("{s:o, s:o}", p->query.x.metric.name,
				worse_json(run->at.x, run->dominator->at.x), p->query.y.metric.name,
				worse_json(run->at.y, run->dominator->at.y)));
	}
	if (trajectories) {
		(void)json_object_set_new(out, "trajectory", path_json(p, run->run));
	}
	return out;
}

static json_t *runs_json(const struct pareto *p, size_t from, size_t to, bool trajectories) {
	json_t *out = json_array();

	for (size_t i = from; i < to; i++) {
		(void)json_array_append_new(out, placed_json(p, &p->runs[i], trajectories));
	}
	return out;
}

static json_t *apart_json(const struct pareto *p) {
	json_t *out = json_array();

	for (size_t i = 0; i < p->n_apart; i++) {
		json_t *one = run_json(p->apart[i].run);
		(void)json_object_set_new(one, "why", json_string(p->apart[i].why));
		(void)json_array_append_new(out, one);
	}
	return out;
}

static json_t *volume_json(const struct pareto *p) {
	if (isnan(p->volume.volume)) {
		return json_null();
	}
	return json_pack("{s:o, s:{s:o, s:o}, s:I}", "value", json_part_number(p->volume.volume),
		"reference", p->query.x.metric.name, json_part_number(p->query.reference.x),
		p->query.y.metric.name, json_part_number(p->query.reference.y), "n_outside",
		(json_int_t)p->volume.n_outside);
}

static void put_left(const json_t *run, const struct pareto_run *dominator, json_t *left) {
	(void)json_array_append_new(
		left, json_pack("{s:o, s:o}", "id", json_part_member(run, "id"), "dominated_by",
			      dominator ? json_part_member(dominator->run, "id") : json_null()));
}

static json_t *change_json(const struct pareto *p) {
	json_t *joined = json_array(), *left = json_array();
	double then = p->change.volume.volume;

	if (p->change.n_then == 0) {
		json_decref(joined);
		json_decref(left);
		return json_null();
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct pareto_run *run = &p->runs[i];
		if (run->news == PARETO_JOINED) {
			(void)json_array_append_new(joined, json_part_member(run->run, "id"));
		} else if (run->news == PARETO_LEFT) {
			put_left(run->run, run->dominator, left);
		}
	}
	for (size_t i = 0; i < p->n_apart; i++) {
		if (p->apart[i].has_left) {
			put_left(p->apart[i].run, NULL, left);
		}
	}
	return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "since", report_time(p->query.since),
		"n_then", (json_int_t)p->change.n_then, "hypervolume_then",
		isnan(then) ? json_null() : json_part_number(then), "hypervolume_change",
		isnan(then) ? json_null() : json_part_number(p->volume.volume - then), "joined",
		joined, "left", left);
}

json_t *pareto_json(const struct pareto *p, bool trajectories) {
	return json_pack("{s:i, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:O}", "schema", 1,
		"x", axis_json(&p->query.x), "y", axis_json(&p->query.y), "at_tokens",
		p->query.at_tokens > 0 ? json_part_number(p->query.at_tokens) : json_null(), "as",
		p->query.as, "front", runs_json(p, 0, p->n_front, trajectories), "dominated",
		runs_json(p, p->n_front, p->n, trajectories), "apart", apart_json(p), "hypervolume",
		volume_json(p), "change", change_json(p), "warnings", p->warnings);
}

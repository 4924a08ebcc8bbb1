#include "dominated_json.h"

#include <math.h>

#include "json_part.h"

/* null: it is not known. */
static json_t *number(double value) {
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *run_json(const json_t *run) {
	static const char *const names[] = {
		"id", "name", "project", "group", "user", "own", "state", NULL};

	return json_part_members(run, names);
}

static json_t *place_json(const struct dominated *d, const struct dominated_place *place) {
	json_t *out = run_json(place->run);

	(void)json_object_set_new(out, d->query.x.metric.name, number(place->at.x));
	(void)json_object_set_new(out, d->query.y.metric.name, number(place->at.y));
	(void)json_object_set_new(out, "tokens", json_part_member(place->point, "tokens"));
	(void)json_object_set_new(out, "window", json_part_member(place->point, "window"));
	return out;
}

static json_t *worse_json(double value, double other) {
	return json_pack("{s:o, s:o}", "difference", number(value - other), "relative",
		other != 0 ? number((value - other) / fabs(other)) : json_null());
}

static json_t *dominated_one(
	const struct dominated *d, const struct dominated_run *run, const json_t *answer) {
	json_t *out = place_json(d, &run->place);
	const struct front_point at = run->place.at, by = run->by.at;

	(void)json_object_set_new(out, "dominated_by", place_json(d, &run->by));
	(void)json_object_set_new(out, "n_dominators", json_integer((json_int_t)run->n_dominators));
	(void)json_object_set_new(out, "worse",
		json_pack("{s:o, s:o}", d->query.x.metric.name, worse_json(at.x, by.x),
			d->query.y.metric.name, worse_json(at.y, by.y)));
	(void)json_object_set_new(out, "eta_s", number(run->eta_s));
	(void)json_object_set_new(out, "world_size",
		isfinite(run->n_ranks) ? json_integer((json_int_t)run->n_ranks) : json_null());
	(void)json_object_set_new(out, "gpu_hours", number(dominated_gpu_hours(run)));
	(void)json_object_set_new(out, "asked", json_part_member(answer, "asked"));
	(void)json_object_set_new(out, "answer", json_part_member(answer, "words"));
	return out;
}

static json_t *dominated_all(const struct dominated *d, const json_t *answers) {
	json_t *out = json_array();

	for (size_t i = 0; i < d->n; i++) {
		(void)json_array_append_new(
			out, dominated_one(d, &d->runs[i], json_array_get(answers, i)));
	}
	return out;
}

static json_t *left_json(const struct dominated *d) {
	json_t *out = json_array();

	for (size_t i = 0; i < d->n_left; i++) {
		json_t *one = run_json(d->left[i].run);
		(void)json_object_set_new(one, "why", json_string(d->left[i].why));
		(void)json_array_append_new(out, one);
	}
	return out;
}

static json_t *axis_json(const struct pareto_axis *axis) {
	return json_pack("{s:s, s:s}", "metric", axis->metric.name, "better",
		axis->higher ? "higher" : "lower");
}

json_t *dominated_json(const struct dominated *d, const json_t *answers) {
	size_t n_unknown;
	double hours = dominated_all_gpu_hours(d, &n_unknown);

	return json_pack("{s:i, s:o, s:o, s:I, s:b, s:o, s:o, s:o, s:I}", "schema", 1, "x",
		axis_json(&d->query.x), "y", axis_json(&d->query.y), "at_tokens",
		(json_int_t)d->query.at_tokens, "dry_run", answers == NULL, "dominated",
		dominated_all(d, answers), "left_alone", left_json(d), "gpu_hours",
		n_unknown < d->n || d->n == 0 ? number(hours) : json_null(), "n_gpu_hours_unknown",
		(json_int_t)n_unknown);
}

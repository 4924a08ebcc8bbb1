#include "compare_json.h"

#include "json_part.h"

static const char *id_of(const struct comparison *c, size_t run) {
	const char *id = document_text(c->runs[run].run, "id");

	return id ? id : "";
}

static json_t *dominated_by(const struct comparison *c, size_t run) {
	json_t *out = json_array();

	for (size_t i = 0; i < c->n; i++) {
		if (c->dominates[i][run]) {
			(void)json_array_append_new(out, json_string(id_of(c, i)));
		}
	}
	return out;
}

static json_t *run_json(const struct comparison *c, size_t i) {
	static const char *const names[] = {
		"id", "name", "project", "group", "user", "state", "profile", "d_sae", NULL};
	const struct compared_run *run = &c->runs[i];
	json_t *out = json_part_members(run->run, names);

	(void)json_object_set_new(out, "tokens", json_part_member(run->point, "tokens"));
	(void)json_object_set_new(out, "window", json_part_member(run->point, "window"));
	(void)json_object_set_new(out, "step_last", json_part_member(run->point, "step_last"));
	(void)json_object_set_new(out, "dominated_by", dominated_by(c, i));
	(void)json_object_set_new(out, "density", json_part_value(run->density));
	return out;
}

static json_t *runs_json(const struct comparison *c) {
	json_t *out = json_array();

	for (size_t i = 0; i < c->n; i++) {
		(void)json_array_append_new(out, run_json(c, i));
	}
	return out;
}

/* Of each key its value in every run, in their order; null where there is none. */
static json_t *config_json(const struct comparison *c, bool all) {
	json_t *out = json_object();

	for (size_t i = 0; i < c->config.n; i++) {
		const struct config_row *row = &c->config.rows[i];
		json_t *values = json_array();
		for (size_t j = 0; j < c->n; j++) {
			(void)json_array_append_new(values, json_part_value(row->values[j]));
		}
		if (all || !row->same) {
			(void)json_object_set(out, row->key, values);
		}
		json_decref(values);
	}
	return out;
}

static json_t *figures_json(const struct comparison *c, size_t from, size_t to) {
	json_t *out = json_object();

	for (size_t i = from; i < to; i++) {
		const struct comparison_figure *f = &c->figures[i];
		json_t *values = json_array();
		for (size_t j = 0; j < c->n; j++) {
			(void)json_array_append_new(
				values, f->known[j] ? json_part_number(f->values[j]) : json_null());
		}
		(void)json_object_set_new(out, f->name,
			json_pack("{s:o, s:s?}", "values", values, "best",
				f->best >= 0 ? id_of(c, (size_t)f->best) : NULL));
	}
	return out;
}

json_t *compare_json(const struct comparison *c, bool all) {
	return json_pack("{s:i, s:o, s:s?, s:[s,s], s:o, s:o, s:I, s:o, s:o, s:O}", "schema", 1,
		"at_tokens",
		c->query.at_tokens > 0 ? json_part_number(c->query.at_tokens) : json_null(), "as",
		c->query.as, "axes", c->query.x.metric.name, c->query.y.metric.name, "runs",
		runs_json(c), "config", config_json(c, all), "n_same_config_keys",
		(json_int_t)c->config.n_same, "metrics", figures_json(c, 0, c->n_of_steps),
		"sparsity", figures_json(c, c->n_of_steps, c->n_figures), "warnings", c->warnings);
}

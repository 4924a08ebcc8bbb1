#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "document.h"
#include "figures.h"
#include "picture.h"

#define PREFIX_LEAST 6u /* a shorter one is not worth a note */

/* ---- runs ---- */

static json_t *make_trajectory(const struct pareto *p, const json_t *run) {
	json_t *trajectory = json_array(), *point;
	double x, y;
	size_t i;

	json_array_foreach(json_object_get(run, "trajectory"), i, point) {
		if (point_number(point, p->query.x.metric.name, &x) &&
			point_number(point, p->query.y.metric.name, &y)) {
			(void)json_array_append_new(trajectory, json_pack("[f, f]", x, y));
		}
	}
	return trajectory;
}

static json_t *make_run(const struct pareto *p, const struct pareto_run *run, bool trajectory) {
	json_t *made = json_pack("{s:s?, s:s, s:f, s:f, s:f, s:b, s:s?}", "id",
		document_text(run->run, "id"), "name", run_label(run->run), "x", run->at.x, "y",
		run->at.y, "n_tokens_folded", document_count(run->point, "tokens"), "on_front",
		run->on_front, "dominated_by",
		run->dominator != NULL ? document_text(run->dominator->run, "id") : NULL);

	if (made != NULL && trajectory) {
		json_object_set_new(made, "trajectory", make_trajectory(p, run->run));
	}
	return made;
}

static json_t *make_runs(const struct pareto *p, bool trajectory) {
	json_t *runs = json_array();
	int err = runs != NULL ? 0 : -1;

	for (size_t i = 0; i < p->n && err == 0; i++) {
		err = json_array_append_new(runs, make_run(p, &p->runs[i], trajectory));
	}
	if (err < 0) {
		json_decref(runs);
		return NULL;
	}
	return runs;
}

static json_t *make_left_out(const struct pareto *p) {
	json_t *left_out = json_array();

	for (size_t i = 0; i < p->n_apart; i++) {
		const json_t *run = p->apart[i].run;
		(void)json_array_append_new(
			left_out, json_pack("{s:s?, s:s, s:s}", "id", document_text(run, "id"),
					  "name", run_label(run), "why", p->apart[i].why));
	}
	return left_out;
}

/* ---- labels ---- */

/* What all labels begin with, up to a sign between words. */
static size_t common_prefix(const struct pareto *p) {
	size_t len = strlen(p->runs[0].label);

	for (size_t i = 1; i < p->n; i++) {
		size_t same = 0;
		while (same < len && p->runs[i].label[same] == p->runs[0].label[same]) {
			same++;
		}
		len = same;
	}
	while (len > 0 && strchr("-_/. ", p->runs[0].label[len - 1]) == NULL) {
		len--;
	}
	return p->n > 2 && len >= PREFIX_LEAST ? len : 0;
}

static void make_labels(const struct pareto *p, json_t *figures) {
	const json_t *runs = json_object_get(figures, "runs");
	size_t prefix = common_prefix(p);

	for (size_t i = 0; i < p->n; i++) {
		const char *label = p->runs[i].label;
		json_object_set_new(json_array_get(runs, i), "label",
			json_string(label[prefix] != '\0' ? label + prefix : label));
	}
	if (prefix > 0) {
		json_object_set_new(
			figures, "label_prefix", json_stringn(p->runs[0].label, prefix));
	}
}

/* ---- the front ---- */

/* Of all that is drawn: the way to a point may begin far from it. */
static void widen(const json_t *runs, bool is_x, double *low, double *high) {
	size_t i, k;
	json_t *run, *step;

	json_array_foreach(runs, i, run) {
		double value = document_count(run, is_x ? "x" : "y");
		*low = fmin(*low, value);
		*high = fmax(*high, value);
		json_array_foreach(json_object_get(run, "trajectory"), k, step) {
			value = json_number_value(json_array_get(step, is_x ? 0 : 1));
			*low = fmin(*low, value);
			*high = fmax(*high, value);
		}
	}
}

static json_t *make_axis(
	const struct pareto *p, const json_t *runs, bool is_x, enum axis_choice choice) {
	const struct pareto_axis *axis = is_x ? &p->query.x : &p->query.y;
	double low = INFINITY, high = -INFINITY;
	char label[160];

	widen(runs, is_x, &low, &high);
	bool is_log = axis_is_log(choice, low, high);
	snprintf(label, sizeof label, "%.120s%s" FRONT_DASH "%s is better", axis->metric.label,
		is_log ? ", log scale" : "", axis->higher ? "more" : "less");
	return json_pack("{s:s, s:s, s:b, s:s}", "metric", axis->metric.name, "label", label,
		"higher", axis->higher, "axis", is_log ? "log" : "linear");
}

static json_t *make(const struct pareto *p, const struct front_wanted *wanted) {
	json_t *runs = make_runs(p, wanted->trajectory);
	json_t *figures = json_pack("{s:i, s:s, s:n, s:o, s:o, s:b, s:o, s:o, s:O}", "schema", 1,
		"kind", "front", "title", "x", make_axis(p, runs, true, AXIS_LOG), "y",
		make_axis(p, runs, false, wanted->axis), "unequal_tokens", p->unequal_tokens,
		"runs", runs, "left_out", make_left_out(p), "warnings", p->warnings);

	if (figures == NULL) {
		return NULL;
	}
	make_labels(p, figures);
	if (p->query.at_tokens > 0) {
		json_object_set_new(
			figures, "at_tokens", json_integer((json_int_t)p->query.at_tokens));
	}
	return figures;
}

/* Why there is none: what the first run says stands for all. */
static void say_none(const struct pareto *p, char words[FIGURES_WORDS_SIZE]) {
	const struct pareto_apart *first = p->n_apart > 0 ? &p->apart[0] : NULL;

	snprintf(words, FIGURES_WORDS_SIZE, "no run can be drawn%s%s%s%s", first ? ": " : "",
		first ? first->label : "", first ? ": " : "", first ? first->why : "");
}

int figures_of_front(const json_t *points, const struct front_wanted *wanted, json_t **ret,
	char ret_words[FIGURES_WORDS_SIZE]) {
	struct pareto p;
	int err = pareto_make(points, &wanted->query, &p);

	snprintf(ret_words, FIGURES_WORDS_SIZE, "out of memory");
	if (err < 0) {
		return err;
	}
	if (p.n == 0) {
		say_none(&p, ret_words);
		err = -ENOENT;
	} else {
		json_t *figures = make(&p, wanted);
		err = figures != NULL ? 0 : -ENOMEM;
		*ret = figures != NULL ? figures : *ret;
	}
	pareto_finish(&p);
	return err;
}

#include "pareto_front.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "listing.h"
#include "pareto_change.h"
#include "pareto_warnings.h"
#include "text.h"
#include "ticks.h"

#define LETTERS 26u

/* ---- who can be placed ---- */

static void why_no_window(const json_t *run, double at_tokens, char ret[PARETO_WHY_SIZE]) {
	double steps, window = document_count(run, "feature_sampling_window");
	char tokens[FORMAT_MAX];

	if (at_tokens > 0) {
		snprintf(ret, PARETO_WHY_SIZE, "no complete window within %s tokens",
			format_count(tokens, at_tokens, 4));
	} else if (document_number(run, "step", &steps) && steps + 1 < window) {
		snprintf(ret, PARETO_WHY_SIZE, "no complete window yet, %.0f %% of the first",
			floor(100 * (steps + 1) / window));
	} else {
		snprintf(ret, PARETO_WHY_SIZE, "no complete window");
	}
}

static void why_no_figure(
	const json_t *run, const json_t *point, const char *name, char ret[PARETO_WHY_SIZE]) {
	const char *unknown =
		json_string_value(json_object_get(document_at(run, "as.unknown"), name));

	if (unknown) {
		snprintf(ret, PARETO_WHY_SIZE, "%s: %s", name, unknown);
	} else if (json_object_get(document_at(point, "not_finite"), name)) {
		snprintf(ret, PARETO_WHY_SIZE, "%s was finite in no step of its window", name);
	} else {
		snprintf(ret, PARETO_WHY_SIZE, "its window has no %s", name);
	}
	text_mend_end(ret);
}

/* Whether the run has a place on both axes; else why not. */
static bool take_place(const json_t *run, const json_t *point, const struct pareto_query *q,
	struct front_point *ret, char ret_why[PARETO_WHY_SIZE]) {
	const char *names[2] = {q->x.metric.name, q->y.metric.name};
	double values[2];

	for (size_t i = 0; i < 2; i++) {
		if (!point_number(point, names[i], &values[i]) || !isfinite(values[i])) {
			why_no_figure(run, point, names[i], ret_why);
			return false;
		}
	}
	*ret = (struct front_point){values[0], values[1]};
	return true;
}

/* Takes the label over. */
static void take_run(struct pareto *p, struct listed_run *listed) {
	const json_t *point = document_at(listed->run, "point");
	char why[PARETO_WHY_SIZE];
	struct front_point at;

	if (!json_is_object(point)) {
		why_no_window(listed->run, p->query.at_tokens, why);
	} else if (take_place(listed->run, point, &p->query, &at, why)) {
		p->runs[p->n++] = (struct pareto_run){
			.run = listed->run, .point = point, .label = listed->label, .at = at};
		listed->label = NULL;
		return;
	}
	struct pareto_apart *apart = &p->apart[p->n_apart++];
	*apart = (struct pareto_apart){.run = listed->run, .label = listed->label};
	memcpy(apart->why, why, sizeof(why));
	listed->label = NULL;
}

static int take_runs(struct pareto *p, const json_t *document) {
	struct listing l;
	int err = listing_make(document_at(document, "runs"), false, &l);

	if (err < 0) {
		return err;
	}
	p->runs = calloc(l.n + 1, sizeof(*p->runs));
	p->apart = calloc(l.n + 1, sizeof(*p->apart));
	err = p->runs && p->apart ? 0 : -ENOMEM;
	for (size_t i = 0; i < l.n && err == 0; i++) {
		take_run(p, &l.runs[i]);
	}
	listing_finish(&l);
	return err;
}

/* ---- their order, and what they are called on the plot ---- */

static int compare_numbers(double a, double b) {
	return (a > b) - (a < b);
}

static int by_place(const void *a_ptr, const void *b_ptr) {
	const struct pareto_run *a = a_ptr, *b = b_ptr;
	int order = compare_numbers(a->at.x, b->at.x);

	order = order != 0 ? order : compare_numbers(a->at.y, b->at.y);
	order = order != 0 ? order : strcmp(a->label, b->label);
	return order != 0 ? order
			  : strcmp(document_text(a->run, "id") ? document_text(a->run, "id") : "",
				    document_text(b->run, "id") ? document_text(b->run, "id") : "");
}

/* A … Z, AA … ZZ; nothing behind. */
static void mark_write(char ret[PARETO_MARK_SIZE], size_t n) {
	size_t last = n % LETTERS, first = n / LETTERS;

	if (first == 0) {
		snprintf(ret, PARETO_MARK_SIZE, "%c", (char)('A' + last));
	} else if (first <= LETTERS) {
		snprintf(
			ret, PARETO_MARK_SIZE, "%c%c", (char)('A' + first - 1), (char)('A' + last));
	}
}

/* One alphabet from left to right, upper case on the front. Where it does not do, the front alone has letters. */
static void mark_runs(struct pareto *p) {
	bool all = p->n <= LETTERS;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct pareto_run *run = &p->runs[i];
		if (!all && !run->on_front) {
			continue;
		}
		mark_write(run->mark, n++);
		run->mark[0] = (char)(run->mark[0] + (run->on_front ? 0 : 'a' - 'A'));
	}
}

/* ---- judged, and the front moved to the beginning ---- */

static int judge_points(
	const struct pareto *p, struct front_point *points, struct front_verdict *verdicts) {
	const struct front_axes axes = {p->query.x.higher, p->query.y.higher};

	for (size_t i = 0; i < p->n; i++) {
		points[i] = p->runs[i].at;
	}
	return front_judge(&axes, points, p->n, verdicts);
}

/* Where each goes: the front to the beginning, both parts in the order they had. */
static size_t new_places(const struct front_verdict *verdicts, size_t n, size_t *ret) {
	size_t n_front = 0, next_front = 0;

	for (size_t i = 0; i < n; i++) {
		n_front += verdicts[i].on_front;
	}
	for (size_t i = 0, next = n_front; i < n; i++) {
		ret[i] = verdicts[i].on_front ? next_front++ : next++;
	}
	return n_front;
}

static void arrange(struct pareto *p, const struct front_verdict *verdicts, const size_t *places,
	struct pareto_run *arranged) {
	for (size_t i = 0; i < p->n; i++) {
		p->runs[i].on_front = verdicts[i].on_front;
		p->runs[i].n_dominators = verdicts[i].n_dominators;
	}
	mark_runs(p);
	for (size_t i = 0; i < p->n; i++) {
		struct pareto_run *to = &arranged[places[i]];
		*to = p->runs[i];
		to->dominator = verdicts[i].dominator == FRONT_NONE
					? NULL
					: &arranged[places[verdicts[i].dominator]];
	}
	free(p->runs);
	p->runs = arranged;
}

static int judge(struct pareto *p) {
	struct front_point *points = calloc(p->n + 1, sizeof(*points));
	struct front_verdict *verdicts = calloc(p->n + 1, sizeof(*verdicts));
	size_t *places = calloc(p->n + 1, sizeof(*places));
	struct pareto_run *arranged = calloc(p->n + 1, sizeof(*arranged));
	int err = -ENOMEM;

	qsort(p->runs, p->n, sizeof(*p->runs), by_place);
	if (points && verdicts && places && arranged) {
		err = judge_points(p, points, verdicts);
	}
	if (err == 0) {
		p->n_front = new_places(verdicts, p->n, places);
		arrange(p, verdicts, places, arranged);
		arranged = NULL;
	}
	free(points);
	free(verdicts);
	free(places);
	free(arranged);
	return err;
}

/* ---- hypervolume ---- */

/* What learnt nothing, where that is a number and all are better; else the next round number that is worse than all. */
static double reference_on(const struct pareto_axis *axis, double worst) {
	double nothing = axis->metric.worst;

	if (isfinite(nothing) && (axis->higher ? nothing < worst : nothing > worst)) {
		return nothing;
	}
	double beyond = ticks_beyond(worst, !axis->higher);
	return isnan(beyond) ? (axis->higher ? -1 : 1) : beyond;
}

static void choose_reference(struct pareto *p) {
	struct front_point worst = p->runs[0].at;

	for (size_t i = 1; i < p->n; i++) {
		struct front_point at = p->runs[i].at;
		worst.x = p->query.x.higher ? fmin(worst.x, at.x) : fmax(worst.x, at.x);
		worst.y = p->query.y.higher ? fmin(worst.y, at.y) : fmax(worst.y, at.y);
	}
	p->query.reference = (struct front_point){
		reference_on(&p->query.x, worst.x), reference_on(&p->query.y, worst.y)};
}

static int measure_volume(struct pareto *p) {
	const struct front_axes axes = {p->query.x.higher, p->query.y.higher};
	struct front_point *points = calloc(p->n + 1, sizeof(*points));

	p->volume = (struct front_volume){.volume = NAN};
	if (!points) {
		return -ENOMEM;
	}
	if (!p->query.has_reference && p->n > 0) {
		choose_reference(p);
	}
	for (size_t i = 0; i < p->n; i++) {
		points[i] = p->runs[i].at;
	}
	int err = p->n == 0 ? 0
			    : front_hypervolume(&axes, p->query.x.metric.decades,
				      p->query.y.metric.decades, points, p->n, p->query.reference,
				      &p->volume);
	free(points);
	/* Nothing can be measured from a reference without a logarithm. */
	return err == -EINVAL ? 0 : err;
}

int pareto_make(const json_t *document, const struct pareto_query *query, struct pareto *ret) {
	struct pareto p = {.query = *query};
	int err = take_runs(&p, document);

	err = err == 0 ? judge(&p) : err;
	err = err == 0 ? measure_volume(&p) : err;
	err = err == 0 && query->since > 0 ? pareto_find_change(&p) : err;
	err = err == 0 ? pareto_warn(&p) : err;
	if (err < 0) {
		pareto_finish(&p);
		return err;
	}
	*ret = p;
	return 0;
}

void pareto_finish(struct pareto *p) {
	for (size_t i = 0; i < p->n; i++) {
		free(p->runs[i].label);
	}
	for (size_t i = 0; i < p->n_apart; i++) {
		free(p->apart[i].label);
	}
	free(p->runs);
	free(p->apart);
	json_decref(p->warnings);
	*p = (struct pareto){0};
}

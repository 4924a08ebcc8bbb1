#include "dominated.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition.h"
#include "format.h"
#include "text.h"

#define REASON_LABEL_MAX 64u

/* ---- where a run is ---- */

static bool take_figure(
	const json_t *point, const char *name, double *ret, char ret_why[PARETO_WHY_SIZE]) {
	double steps;

	if (document_number(json_object_get(document_at(point, "not_finite"), name), "", &steps)) {
		snprintf(ret_why, PARETO_WHY_SIZE, "%s was not finite in %.0f step%s of its window",
			name, steps, steps == 1 ? "" : "s");
	} else if (!point_number(point, name, ret) || !isfinite(*ret)) {
		snprintf(ret_why, PARETO_WHY_SIZE, "its window has no %s", name);
	} else {
		return true;
	}
	text_mend_end(ret_why);
	return false;
}

/* Whether its last window ends near enough, and has both figures; else why not. */
static bool take_place(const struct dominated_query *q, const struct listed_run *listed,
	struct dominated_place *ret, char ret_why[PARETO_WHY_SIZE]) {
	char at[FORMAT_MAX], end[FORMAT_MAX];
	struct dominated_place p = {.run = listed->run,
		.point = document_at(listed->run, "point"),
		.label = listed->label};

	if (!json_is_object(p.point)) {
		snprintf(ret_why, PARETO_WHY_SIZE, "no complete window within %s tokens",
			format_count(at, q->at_tokens, 4));
		return false;
	}
	p.tokens = document_count(p.point, "tokens");
	p.window = document_count(p.point, "n_tokens");
	if (!(q->at_tokens - p.tokens <= p.window)) {
		snprintf(ret_why, PARETO_WHY_SIZE,
			"its last complete window within %s tokens ends at %s",
			format_count(at, q->at_tokens, 4), format_count(end, p.tokens, 4));
		return false;
	}
	if (!take_figure(p.point, q->x.metric.name, &p.at.x, ret_why) ||
		!take_figure(p.point, q->y.metric.name, &p.at.y, ret_why)) {
		return false;
	}
	*ret = p;
	return true;
}

/* ---- who may be compared with whom ---- */

static bool have_the_same(const json_t *a, const json_t *b, const char *name) {
	const json_t *of_a = document_at(a, name), *of_b = document_at(b, name);

	return of_a == NULL || of_b == NULL ? of_a == of_b : json_equal(of_a, of_b);
}

static const struct profile *profile_of(const json_t *run) {
	const char *name = document_text(run, "profile");

	return name ? profile_find(text_of(name, strlen(name))) : NULL;
}

/* What a profile means that this program does not know, nobody but that profile means. */
static bool mean_the_same(const json_t *a, const json_t *b, const char *name) {
	const struct profile *of_a = profile_of(a), *of_b = profile_of(b);
	int metric = metric_find(name);

	if (metric < 0 || have_the_same(a, b, "profile")) {
		return true;
	}
	if (!of_a || !of_b) {
		return false;
	}
	const char *by_a = metric_definition(of_a, (enum metric)metric);
	const char *by_b = metric_definition(of_b, (enum metric)metric);
	return by_a && by_b ? strcmp(by_a, by_b) == 0 : by_a == by_b;
}

static bool are_comparable(const struct dominated_query *q, const struct dominated_place *a,
	const struct dominated_place *b) {
	double behind = q->at_tokens - fmin(a->tokens, b->tokens);

	return behind <= fmin(a->window, b->window) && have_the_same(a->run, b->run, "project") &&
	       have_the_same(a->run, b->run, "d_in") &&
	       mean_the_same(a->run, b->run, q->x.metric.name) &&
	       mean_the_same(a->run, b->run, q->y.metric.name);
}

static bool is_worse(const struct pareto_axis *axis, double value, double other) {
	return axis->higher ? value < other : value > other;
}

static bool is_dominated(
	const struct dominated_query *q, struct front_point a, struct front_point by) {
	return is_worse(&q->x, a.x, by.x) && is_worse(&q->y, a.y, by.y);
}

static bool is_better_dominator(
	const struct dominated_query *q, struct front_point a, struct front_point b) {
	return is_worse(&q->y, b.y, a.y) || (a.y == b.y && is_worse(&q->x, b.x, a.x));
}

/* ---- the choice ---- */

/* Finished runs that have a place. */
struct finished {
	struct dominated_place *places;
	size_t n;
};

static const json_t *status_of(const json_t *status, const json_t *run) {
	const char *id = document_text(run, "id");
	size_t i;
	json_t *one;

	json_array_foreach(document_at(status, "runs"), i, one) {
		const char *other = document_text(one, "id");
		if (id && other && strcmp(id, other) == 0) {
			return one;
		}
	}
	return NULL;
}

static bool is_state(const json_t *run, const char *state) {
	const char *of_run = document_text(run, "state");

	return of_run && strcmp(of_run, state) == 0;
}

/* As it is now, where that is known: the points document has it as last committed. */
static bool is_trained(const json_t *run, const json_t *now) {
	const json_t *known = now ? now : run;

	return is_state(known, "running") || is_state(known, "stalled");
}

static void leave(struct dominated *d, const struct listed_run *listed, const char *why) {
	struct dominated_left *left = &d->left[d->n_left++];

	*left = (struct dominated_left){.run = listed->run, .label = listed->label};
	snprintf(left->why, sizeof(left->why), "%s", why);
}

/* Looks at every finished run; returns with how many it could be compared. */
static size_t compare_with(
	const struct dominated *d, const struct finished *f, struct dominated_run *run) {
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct dominated_place *other = &f->places[i];
		if (!are_comparable(&d->query, &run->place, other)) {
			continue;
		}
		n++;
		if (is_dominated(&d->query, run->place.at, other->at)) {
			if (run->n_dominators == 0 ||
				is_better_dominator(&d->query, other->at, run->by.at)) {
				run->by = *other;
			}
			run->n_dominators++;
		}
	}
	return n;
}

static double number_or_nan(const json_t *object, const char *name) {
	double value;

	return document_number(object, name, &value) && isfinite(value) ? value : (double)NAN;
}

static void judge(struct dominated *d, const struct finished *f, const struct listed_run *listed,
	const json_t *now) {
	double tokens = document_count(listed->run, "n_tokens_folded");
	struct dominated_run run = {
		.eta_s = number_or_nan(now, "eta_s"), .n_ranks = number_or_nan(now, "world_size")};
	char why[PARETO_WHY_SIZE], at[FORMAT_MAX], is_at[FORMAT_MAX];

	if (tokens < d->query.at_tokens) {
		snprintf(why, sizeof(why), "not there yet: at %s of %s tokens",
			format_count(is_at, tokens, 4), format_count(at, d->query.at_tokens, 4));
		leave(d, listed, why);
		return;
	}
	if (!take_place(&d->query, listed, &run.place, why)) {
		leave(d, listed, why);
		return;
	}
	size_t n = compare_with(d, f, &run);
	if (run.n_dominators > 0) {
		d->runs[d->n++] = run;
		return;
	}
	if (n == 0) {
		leave(d, listed, "no finished run to compare it with");
	} else {
		snprintf(why, sizeof(why), "none of %zu finished run%s beats it on both", n,
			n == 1 ? "" : "s");
		leave(d, listed, why);
	}
}

static void take_finished(const struct dominated *d, struct finished *f) {
	char why[PARETO_WHY_SIZE];

	for (size_t i = 0; i < d->listing.n; i++) {
		const struct listed_run *listed = &d->listing.runs[i];
		f->n += is_state(listed->run, "finished") &&
			take_place(&d->query, listed, &f->places[f->n], why);
	}
}

static void judge_all(struct dominated *d, const struct finished *f, const json_t *status) {
	for (size_t i = 0; i < d->listing.n; i++) {
		const struct listed_run *listed = &d->listing.runs[i];
		/* Looked for in a list, but of few: runs that have ended are not. */
		bool may_be = is_trained(listed->run, NULL) &&
			      (d->query.all_users || document_true(listed->run, "own"));
		const json_t *now = may_be ? status_of(status, listed->run) : NULL;
		if (may_be && is_trained(listed->run, now)) {
			judge(d, f, listed, now);
		}
	}
}

int dominated_make(const json_t *points, const json_t *status, const struct dominated_query *query,
	struct dominated *ret) {
	struct dominated d = {.query = *query};
	int err = listing_make(document_at(points, "runs"), false, &d.listing);

	if (err < 0) {
		return err;
	}
	struct finished f = {.places = calloc(d.listing.n + 1, sizeof(*f.places))};
	d.runs = calloc(d.listing.n + 1, sizeof(*d.runs));
	d.left = calloc(d.listing.n + 1, sizeof(*d.left));
	if (!f.places || !d.runs || !d.left) {
		free(f.places);
		dominated_finish(&d);
		return -ENOMEM;
	}
	take_finished(&d, &f);
	judge_all(&d, &f, status);
	free(f.places);
	*ret = d;
	return 0;
}

void dominated_finish(struct dominated *d) {
	listing_finish(&d->listing);
	free(d->runs);
	free(d->left);
	*d = (struct dominated){0};
}

/* ---- what is said of it ---- */

double dominated_gpu_hours(const struct dominated_run *run) {
	return run->eta_s * run->n_ranks / 3600;
}

double dominated_all_gpu_hours(const struct dominated *d, size_t *ret_n_unknown) {
	double sum = 0;

	*ret_n_unknown = 0;
	for (size_t i = 0; i < d->n; i++) {
		double hours = dominated_gpu_hours(&d->runs[i]);
		sum += isnan(hours) ? 0 : hours;
		*ret_n_unknown += isnan(hours);
	}
	return sum;
}

void dominated_worse(const struct dominated *d, const struct dominated_run *run,
	char ret[DOMINATED_WORSE_SIZE]) {
	const struct point_metric *x = &d->query.x.metric, *y = &d->query.y.metric;
	char by_x[POINT_DIFFERENCE_SIZE], by_y[POINT_DIFFERENCE_SIZE];

	point_metric_difference(x, run->place.at.x, run->by.at.x, by_x);
	point_metric_difference(y, run->place.at.y, run->by.at.y, by_y);
	snprintf(ret, DOMINATED_WORSE_SIZE, "%.32s %s, %.32s %s", x->brief, by_x, y->brief, by_y);
	text_mend_end(ret);
}

void dominated_reason(const struct dominated *d, const struct dominated_run *run,
	char ret[QUERY_REASON_MAX + 1]) {
	struct text label = text_of(run->by.label, strlen(run->by.label));
	char worse[DOMINATED_WORSE_SIZE], at[FORMAT_MAX];

	dominated_worse(d, run, worse);
	snprintf(ret, QUERY_REASON_MAX + 1, "dominated by %.*s at %s tokens: %s",
		(int)text_fit(label, REASON_LABEL_MAX), label.data,
		format_count(at, d->query.at_tokens, 4), worse);
	text_mend_end(ret);
}

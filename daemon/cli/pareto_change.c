#include "pareto_change.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Not finite: it had no place on both axes. */
static struct front_point place_then(const struct pareto *p, const json_t *run) {
	const json_t *earlier = document_at(run, "earlier");
	const json_t *point = json_is_true(earlier) ? document_at(run, "point") : earlier;
	struct front_point at = {NAN, NAN};

	if (!point_number(point, p->query.x.metric.name, &at.x) ||
		!point_number(point, p->query.y.metric.name, &at.y)) {
		at = (struct front_point){NAN, NAN};
	}
	return at;
}

/* The placed ones first, as `runs` has them, then those apart. */
static void collect(const struct pareto *p, struct front_point *ret) {
	for (size_t i = 0; i < p->n; i++) {
		ret[i] = place_then(p, p->runs[i].run);
	}
	for (size_t i = 0; i < p->n_apart; i++) {
		ret[p->n + i] = place_then(p, p->apart[i].run);
	}
}

static void compare(struct pareto *p, const struct front_verdict *then) {
	for (size_t i = 0; i < p->n; i++) {
		struct pareto_run *run = &p->runs[i];
		if (run->on_front != then[i].on_front) {
			run->news = run->on_front ? PARETO_JOINED : PARETO_LEFT;
			p->change.n_joined += run->on_front;
			p->change.n_left += !run->on_front;
		}
	}
	for (size_t i = 0; i < p->n_apart; i++) {
		p->apart[i].has_left = then[p->n + i].on_front;
		p->change.n_left += p->apart[i].has_left;
	}
}

/* Moves those with a place to the beginning. */
static size_t keep_placed(
	const struct front_verdict *verdicts, struct front_point *points, size_t n) {
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].is_point) {
			points[kept++] = points[i];
		}
	}
	return kept;
}

static int measure(struct pareto *p, const struct front_point *points) {
	const struct front_axes axes = {p->query.x.higher, p->query.y.higher};

	p->change.volume = (struct front_volume){.volume = NAN};
	if (isnan(p->volume.volume) || p->change.n_then == 0) {
		return 0;
	}
	return front_hypervolume(&axes, p->query.x.metric.decades, p->query.y.metric.decades,
		points, p->change.n_then, p->query.reference, &p->change.volume);
}

int pareto_find_change(struct pareto *p) {
	const struct front_axes axes = {p->query.x.higher, p->query.y.higher};
	size_t n = p->n + p->n_apart;
	struct front_point *points = calloc(n + 1, sizeof(*points));
	struct front_verdict *verdicts = calloc(n + 1, sizeof(*verdicts));
	int err = points && verdicts ? 0 : -ENOMEM;

	if (err == 0) {
		collect(p, points);
		err = front_judge(&axes, points, n, verdicts);
	}
	if (err == 0) {
		size_t n_then = keep_placed(verdicts, points, n);
		p->change.n_then = n_then;
		/* On the first day of a sweep all of it is new, and no news. */
		if (n_then > 0) {
			compare(p, verdicts);
		}
		err = measure(p, points);
	}
	free(points);
	free(verdicts);
	return err;
}

#include "pareto_warnings.h"

#include <errno.h>
#include <stdlib.h>

#include "point_warnings.h"

static struct point_warned *collect(const struct pareto *p) {
	struct point_warned *runs = calloc(p->n + 1, sizeof(*runs));

	for (size_t i = 0; runs && i < p->n; i++) {
		runs[i] = (struct point_warned){p->runs[i].run, p->runs[i].point, p->runs[i].label};
	}
	return runs;
}

static void warn_of_axis(const struct pareto *p, const struct point_warned *runs,
	const char *metric, json_t *warnings) {
	if (!p->query.as) {
		point_warn_of_definitions(runs, p->n, metric, p->query.as_advice, warnings);
	}
	point_warn_of_remarks(runs, p->n, metric, warnings);
	point_warn_of_broken(runs, p->n, metric, warnings);
}

int pareto_warn(struct pareto *p) {
	struct point_warned *runs = collect(p);
	json_t *warnings = runs ? json_array() : NULL;

	if (!warnings) {
		free(runs);
		return -ENOMEM;
	}
	p->unequal_tokens = point_warn_of_tokens(runs, p->n, p->query.tokens_advice, warnings);
	point_warn_of_profiles(runs, p->n, warnings);
	point_warn_of_stand_in(&p->query.y, warnings);
	warn_of_axis(p, runs, p->query.x.metric.name, warnings);
	warn_of_axis(p, runs, p->query.y.metric.name, warnings);
	if (p->volume.n_outside > 0) {
		bool one = p->volume.n_outside == 1;
		point_warn(warnings,
			"%zu run%s no better than the reference: hypervolume does not count %s",
			p->volume.n_outside, one ? " is" : "s are", one ? "it" : "them");
	}
	free(runs);
	p->warnings = warnings;
	return 0;
}

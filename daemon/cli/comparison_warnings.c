#include "comparison_warnings.h"

#include "point_warnings.h"

static void warn_of_absent(const struct comparison *c, json_t *warnings) {
	for (size_t i = 0; i < c->n; i++) {
		if (!c->runs[i].point) {
			point_warn(warnings, "%s has no complete window %s", c->runs[i].mark,
				c->query.at_tokens > 0 ? "within so many tokens" : "yet");
		}
	}
}

json_t *comparison_warnings(const struct comparison *c) {
	struct point_warned runs[COMPARED_MAX];
	json_t *warnings = json_array();
	size_t n = 0;

	if (!warnings) {
		return NULL;
	}
	for (size_t i = 0; i < c->n; i++) {
		if (c->runs[i].point) {
			runs[n++] = (struct point_warned){
				c->runs[i].run, c->runs[i].point, c->runs[i].label};
		}
	}
	warn_of_absent(c, warnings);
	point_warn_of_stand_in(&c->query.y, warnings);
	point_warn_of_tokens(runs, n, ADVICE_OPTION, warnings);
	point_warn_of_profiles(runs, n, warnings);
	for (size_t i = 0; i < c->n_of_steps; i++) {
		const char *metric = c->figures[i].name;
		if (!c->query.as) {
			point_warn_of_definitions(runs, n, metric, ADVICE_OPTION, warnings);
		}
		point_warn_of_remarks(runs, n, metric, warnings);
		point_warn_of_broken(runs, n, metric, warnings);
	}
	return warnings;
}

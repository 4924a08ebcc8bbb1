#include "pareto_axis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subcommand.h"
#include "text.h"

int pareto_axis_make(const char *command, const char *which, const char *name, const char *better,
	struct pareto_axis *ret) {
	const char *flaw = text_flaw(text_of(name, strlen(name)), true);

	if (flaw) { /* no figure is called so, and its words would go to a terminal */
		fprintf(stderr, "sae-metricsd %s: --%s: the name of a figure %s\n", command, which,
			flaw);
		return EXIT_USAGE;
	}
	*ret = (struct pareto_axis){.metric = point_metric_of(name)};
	ret->higher = better ? strcmp(better, "higher") == 0 : ret->metric.better == BETTER_HIGHER;
	if (better && !ret->higher && strcmp(better, "lower") != 0) {
		fprintf(stderr, "sae-metricsd %s: --%s-better: expected lower or higher, not %s\n",
			command, which, better);
		return EXIT_USAGE;
	}
	if (!better && ret->metric.better == BETTER_UNKNOWN) {
		fprintf(stderr,
			"sae-metricsd %s: is more or less of %s better? Say --%s-better lower or "
			"higher\n",
			command, name, which);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static bool has_it(const json_t *run, const char *name) {
	const json_t *point = document_at(run, "point");
	double value;

	return point_number(point, name, &value) ||
	       json_object_get(document_at(point, "not_finite"), name) ||
	       json_object_get(document_at(run, "as.unknown"), name);
}

static bool any_has(const json_t *document, const char *name) {
	const json_t *runs = document_at(document, "runs");
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		if (has_it(run, name)) {
			return true;
		}
	}
	return false;
}

void pareto_axis_stand_in(
	const json_t *document, const struct pareto_axis *x, struct pareto_axis *y) {
	static const char meant[] = "fvu", other[] = "explained_variance";

	if (strcmp(y->metric.name, meant) == 0 && strcmp(x->metric.name, other) != 0 &&
		!any_has(document, meant) && any_has(document, other)) {
		*y = (struct pareto_axis){
			.metric = point_metric_of(other), .higher = true, .stands_in_for = meant};
	}
}

bool pareto_axis_is_known(const struct pareto_axis *axis, const json_t *document) {
	const json_t *runs = document_at(document, "runs");
	bool any_point = false;
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run) {
		any_point = any_point || json_is_object(document_at(run, "point"));
	}
	return !any_point || any_has(document, axis->metric.name);
}

int pareto_axis_check(const char *command, const struct pareto_axis *axis, const json_t *document) {
	if (pareto_axis_is_known(axis, document)) {
		return EXIT_OK;
	}
	char *names = point_metric_names(document_at(document, "runs"));
	fprintf(stderr, "sae-metricsd %s: no run has %s; there are %s\n", command,
		axis->metric.name, names ? names : "");
	free(names);
	return EXIT_USAGE;
}

/* `--x METRIC --x-better lower|higher`: an axis from words. */
#pragma once

#include "pareto_front.h"

/* Whether more is better is known of what is ours, and has to be said of what is not; `better` NULL: it was not. `which` is x or y.
 * Returns an exit_status, and has said on stderr, as `command`, what was expected. */
int pareto_axis_make(const char *command, const char *which, const char *name, const char *better,
	struct pareto_axis *ret);

/* For who named no y: not every trainer pushes what fvu is made of. Where y is fvu, no run has it and one has its explained variance,
 * that stands in for it. */
void pareto_axis_stand_in(
	const json_t *document, const struct pareto_axis *x, struct pareto_axis *y);

/* Any run has it, or none has a point at all. */
bool pareto_axis_is_known(const struct pareto_axis *axis, const json_t *document);

/* A figure that no run has, where any has a point, is a slip of the finger: says what there is. Returns an exit_status. */
int pareto_axis_check(const char *command, const struct pareto_axis *axis, const json_t *document);

/* The front as a JSON document: `pareto --json`, as sae-metricsd-pareto(1) describes it. Pure. */
#pragma once

#include "pareto_front.h"

/* NULL when memory is short. `trajectories`: with the path of each run. */
json_t *pareto_json(const struct pareto *p, bool trajectories);

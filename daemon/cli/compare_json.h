/* A comparison as a JSON document: `compare --json`, as sae-metricsd-compare(1) describes it. Pure. */
#pragma once

#include "comparison.h"

/* NULL when memory is short. `all`: also the keys of the configs that are the same. */
json_t *compare_json(const struct comparison *c, bool all);

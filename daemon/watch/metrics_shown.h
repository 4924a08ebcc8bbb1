/* The metrics that a run has curves of, in the order in which one wants to see them. Pure. */
#pragma once

#include <jansson.h>

/* Of `series` (store/REPORT.md); NULL: there are not so many. */
const char *metrics_nth(const json_t *series, unsigned n);
/* The one that is `by` places behind `metric`, round at the ends; NULL: there is none. */
const char *metrics_beside(const json_t *series, const char *metric, int by);

/* How the front has changed since a moment: against the front of then, which is judged alike from where the runs stood then. */
#pragma once

#include "pareto_front.h"

/* Sets `news` of each run, `has_left` of those apart, and `change`; `volume` is measured and the reference set. 0 or -ENOMEM. */
int pareto_find_change(struct pareto *p);

/* What makes runs on two axes hard to compare. */
#pragma once

#include "pareto_front.h"

/* Sets `warnings`, the gravest first, and `unequal_tokens`. 0 or -ENOMEM. */
int pareto_warn(struct pareto *p);

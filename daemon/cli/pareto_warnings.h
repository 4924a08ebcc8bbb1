/* What makes runs on two axes hard to compare. */
#pragma once

#include "pareto_front.h"

/* Sentences, the gravest first; NULL when memory is short. */
json_t *pareto_warnings(const struct pareto *p);

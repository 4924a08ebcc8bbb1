/* What makes a few runs hard to compare, though they are taken at equal tokens. */
#pragma once

#include "comparison.h"

/* Sentences, the gravest first; NULL when memory is short. */
json_t *comparison_warnings(const struct comparison *c);

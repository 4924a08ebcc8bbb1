/* What a metric means to a trainer, in words, where trainers do not mean the same by its name. */
#pragma once

#include "profile.h"

/* `mean of ratios`; NULL: every profile means the same by it, as far as is known. Of two profiles the words are equal when the
 * definitions are. */
const char *metric_definition(const struct profile *profile, enum metric metric);

/* -1 when it is no name of a metric. */
int metric_find(const char *name);

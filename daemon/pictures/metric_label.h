/* What a metric is called on a picture, and which way is better. */
#pragma once

#include <stdbool.h>

/* Its name itself where it has no other: one of the trainer's own. */
const char *metric_label(const char *name);
bool metric_higher_is_better(const char *name);
/* A share that ends at 1, say: nobody wants it on a logarithmic axis without having asked. */
bool metric_is_linear(const char *name);

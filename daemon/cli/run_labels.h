/* What runs are called where several are shown: by their names, with the id behind it where another of them has the same. Pure. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* Of a list of objects with an id and a name: a label each, in their order, the list and they the caller's. NULL: memory is short. */
char **run_labels_make(const json_t *runs);
void run_labels_free(char **labels, size_t n);

/* The same, as "label" of the objects themselves. 0 or -ENOMEM. */
int run_labels_set(json_t *runs);

/* In which order runs are shown, and how many of them: what `--sort` and `--limit` ask for. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "run_columns.h"

struct run_order {
	bool by_column; /* else as they come: newest activity first */
	bool descending;
	struct run_column column; /* its title as it was asked for, where it is a value's name */
	size_t limit;             /* 0: all */
};

/* "l0", "-<1e-5": a column, the other way round behind `-`. False: there is no such column. `name` is borrowed. */
bool run_order_parse(struct run_order *o, const char *name);

/* Puts an array of runs in order, and cuts it off. 0 or -ENOMEM. */
int run_order_apply(const struct run_order *o, json_t *runs);

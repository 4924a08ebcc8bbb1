/* The configs of several runs side by side, key by key: nested ones as paths, `optimizer.lr`. Pure. */
#pragma once

#include "document.h"

#define CONFIG_RUNS_MAX 6u

struct config_row {
	char *key;
	const json_t
		*values[CONFIG_RUNS_MAX]; /* borrowed from the configs; NULL: it has no such key */
	bool same;                        /* in all of them */
};

struct config_rows {
	struct config_row
		*rows; /* in the order of the first config, then what only later ones have */
	size_t n, n_same;
};

/* 0 or -ENOMEM. Lists are values; of an empty object there is nothing to say. */
int config_rows_make(const json_t *const *configs, size_t n_configs, struct config_rows *ret);
void config_rows_finish(struct config_rows *c);

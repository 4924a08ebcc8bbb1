/* The density of one window of a run, as the database has it. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "source.h"

/* {"histogram": {"lo", "hi", "bins_per_decade", "zero", "counts"}, "n_tokens"} of the window that ends with this step; NULL where there
 * is none, or the run cannot be had, which was said on stderr. `command` speaks. `run` is of a document that was read from `where`. */
json_t *density_read(
	const char *command, const struct source *where, const json_t *run, int64_t step_last);

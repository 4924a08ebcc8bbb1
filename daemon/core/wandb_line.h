/* A closed line as W&B's history has it: one JSON object, written once and kept as it is. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "changes.h"

/* `_step`, `_runtime` and `_timestamp` are W&B's own: what a trainer logged under them is left out. */
bool wandb_line_reserves(const char *key);

/* Appends it, with those three. *ret_n_keys: how many others there are; a line without any is not for
 * W&B. 0 or -ENOMEM. */
int wandb_line_write(
	struct buf *out, const struct change_line *line, bool with_ours, uint32_t *ret_n_keys);

/* What a run's summary says of its time. */
struct wandb_span {
	double started, ended; /* since 1970; ended 0: it goes on */
	bool has_line;
	double time, elapsed_s; /* of the newest line */
};

/* How long the run took: to its end, or to its newest line while it goes on. Never below 0. */
double wandb_span_s(const struct wandb_span *span);

/* The line that stands in for one W&B does not take: so that the next ones keep their numbers. */
int wandb_line_write_empty(struct buf *out, uint32_t step, double time, double elapsed_s);

/* Records of a `.wandb` file: what a run is and what it logged, as `wandb sync` reads them. Pure.
 *
 * Each appends one packed record to `out`, or nothing when it fails; `number` counts the records of a file from 1. All
 * return 0 or -ENOMEM. */
#pragma once

#include "changes.h"
#include "payload.h"

/* Before all others. Its metrics are records of their own. Or -EINVAL: config, tags or args are no JSON of their kind. */
int wandb_record_run(struct buf *out, int64_t number, const struct payload_run *run);
int wandb_record_metric(struct buf *out, int64_t number, const struct payload_metric *metric);

/* A row: the line's entries, and W&B's own `_step`, `_runtime` and `_timestamp`, which nothing logged replaces. */
int wandb_record_history(struct buf *out, int64_t number, const struct change_line *line);

struct wandb_summary {
	/* As the database has it: a JSON object, in which the text "NaN" or "Infinity" stands for the number. */
	const char *json;
	/* Whether a member stays out; NULL: none does. */
	bool (*left_out)(const void *user, const char *key);
	const void *user;
	const struct change_line *last; /* of the newest row; NULL: there is none */
	double span_s;                  /* how long the run took */
};

/* Or -EINVAL: no JSON object. */
int wandb_record_summary(struct buf *out, int64_t number, const struct wandb_summary *summary);

/* Whole seconds, as W&B keeps them. */
int32_t wandb_runtime_s(double elapsed_s);

/* The end. A file without one is, to W&B, of a run that failed with exit code 1. */
int wandb_record_exit(struct buf *out, int64_t number, int32_t exit_code, int32_t runtime_s);

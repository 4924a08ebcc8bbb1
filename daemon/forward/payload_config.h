/* A run's config as W&B keeps it: each of the trainer's keys with its value in an envelope, and beside them the
 * key `_wandb`, in which W&B's own client says who writes and how metrics are to be drawn. */
#pragma once

#include "buf.h"

struct payload_run;

/* 0, -ENOMEM, or -EINVAL (config or args are no JSON of their kind). On failure nothing is appended. */
int payload_config(struct buf *out, const struct payload_run *run);

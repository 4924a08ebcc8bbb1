/* `export RUN --wandb DIR`. */
#pragma once

#include "export_wandb.h"
#include "read_options.h"

/* Returns an exit_status, and has said what came of it. */
int export_offline(
	const struct read_options *read, const struct export_wandb *wandb, bool unfinished);

/* `sae-metricsd start`: a daemon in the background, for those who have none. */
#pragma once

#include "subcommand.h"

extern const struct subcommand subcommand_start;

/* `sae-metricsd config`: what is set, and where. Beside serve: it reads settings, which the other subcommands do not know. */
#pragma once

#include "subcommand.h"

extern const struct subcommand subcommand_config;

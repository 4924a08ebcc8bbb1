/* `sae-metricsd serve`: defaults, flags and settings, then daemon_run. Beside the other subcommands' files
 * only in spirit: it must see the daemon, which cli/ may not. */
#pragma once

#include "subcommand.h"

extern const struct subcommand subcommand_serve;

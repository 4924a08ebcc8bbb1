/* The commands that draw: found here, done by a program of its own (daemon/pictures). */
#pragma once

#include "subcommand.h"

extern const struct subcommand subcommand_plot;
extern const struct subcommand subcommand_report;

/* The command that follows runs on a full screen: found here, done by a program of its own (daemon/watch). */
#pragma once

#include "subcommand.h"

extern const struct subcommand subcommand_watch;

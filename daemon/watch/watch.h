#pragma once

#include "subcommand.h"

extern const struct subcommand subcommand_watch;

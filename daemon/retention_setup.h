/* What people set about retention, as the engine takes it. */
#pragma once

#include "retention.h"

struct settings;

struct retention retention_of_settings(const struct settings *s);

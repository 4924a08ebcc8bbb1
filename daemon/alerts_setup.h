/* What is set in [alerts], for the core. */
#pragma once

#include "alert_rules.h"

struct settings;

struct alert_rules alerts_of_settings(const struct settings *s);

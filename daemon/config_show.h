/* What is set, as text. */
#pragma once

#include <stdbool.h>

#include "settings.h"

enum config_layout { CONFIG_TABLE = 0, CONFIG_JSON };

/* All rows, or the one of this name (NULL: all), whose value alone is written. `key` is the row of wandb.key, which no file has.
 * 0; -ENOENT: there is no such row; or -errno of stdout. */
int config_show(const struct settings *settings, const struct settings_row *key,
	enum config_layout layout, const char *name);

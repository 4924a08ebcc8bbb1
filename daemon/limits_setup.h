/* What users may make the daemon hold: from what is set, and from what the system allows. */
#pragma once

#include "ledger.h"
#include "settings.h"

/* Raises the limit of open files, too: host_connections is at most what that allows. The settings are borrowed until the
 * ledger is reloaded or finished. */
void limits_setup(struct ledger *ledger, const struct settings *settings);
void limits_reload(struct ledger *ledger, const struct settings *settings);

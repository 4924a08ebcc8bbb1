/* What somebody should look at: for `status --check`. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Whether a run stalled, crashed, failed or has an alert, or the daemon is in trouble. That is said on stderr: a table has no place for
 * what is not of one run. */
bool attention_is_needed(const json_t *document);

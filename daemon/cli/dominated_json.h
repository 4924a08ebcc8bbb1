/* `stop --dominated --json`: what was chosen, and what became of it (sae-metricsd-stop(1), JSON). */
#pragma once

#include "dominated.h"

/* `answers`: one word or sentence a run, as an array of {"asked", "words"}; NULL: nobody was asked. NULL when memory is short. */
json_t *dominated_json(const struct dominated *d, const json_t *answers);

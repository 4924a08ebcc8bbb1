/* Whether a run is one that somebody looks for. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Each word of `text` is in its label, id, project, group, user, state or one of its tags, in small letters or capitals. */
bool run_search_fits(const char *text, const char *label, const json_t *run);

/* The list of runs and which of them is looked at, for the keys that move there. */
#pragma once

#include "model.h"

/* Where the run that is looked at stands in the list; n_shown: it does not. */
size_t model_selected_at(const struct model *m);
void model_select(struct model *m, size_t at);
/* So many runs, and so many windows of one, are on the screen at once. */
size_t model_runs_room(const struct model *m);
size_t model_density_room(const struct model *m);
/* Which runs fit what was typed; the one that is looked at stays where it can. */
void model_apply_filter(struct model *m);

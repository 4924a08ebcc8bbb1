/* `--as`: the figures of a document's runs under another trainer's definitions (core/restate). Pure. */
#pragma once

#include "document.h"
#include "profile.h"

/* The profile that `--as WORD` means; NULL: none does. */
const struct profile *restate_profile(const char *word);

/* In a run of the points document, rewrites the figures of its point, of its trajectory and of where it stood earlier, and n_training_tokens. A member "as" is
 * added: {"profile": "saelens", "unknown": {"overall_loss": "why"}, "remarks": {"l0": "what to keep in mind"}}. A run whose own
 * profile is not known stays as it is, and says so in "as". 0 or -ENOMEM. */
int restate_points_run(json_t *run, const struct profile *to);
int restate_points(json_t *document, const struct profile *to);

/* The runs of a document as they are listed: in which order, and under which names. Pure. */
#pragma once

#include "document.h"

struct listed_run {
	const json_t *run; /* borrowed */
	char *label;       /* run_labels.h */
};

struct listing {
	struct listed_run *runs;
	size_t n;
};

/* Those that run come first, then the stalled, the newest on top, so that rows stay where they are from one look to the
 * next; then the others, as they were seen last. With `in_given_order` as they are given. 0 or -ENOMEM. */
int listing_make(const json_t *runs, bool in_given_order, struct listing *ret);
void listing_finish(struct listing *l);

/* How many are in this state. */
size_t listing_count(const struct listing *l, const char *state);

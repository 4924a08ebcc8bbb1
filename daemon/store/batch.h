/* Cuts in the order they came, owned until they are committed. */
#pragma once

#include "registry.h"

struct batch {
	struct run_cut *first, **tail;
	struct run_cut *rejected; /* filled by commit_batch */
	size_t bytes;
};

void batch_init(struct batch *b);
void batch_put(struct batch *b, struct run_cut *cut); /* takes */
void batch_move(
	struct batch *to, struct batch *from); /* behind what is there; from is empty then */
void batch_clear(struct batch *b);             /* destroys the cuts */
void cuts_destroy(struct run_cut *first);

/* The run as it is saved with every commit: everything but the arrays, and no step that still waits
 * for a rank (its frames are not acknowledged, and come again). */
#pragma once

#include "run.h"

void run_pack(const struct run *run, struct packer *p);

/* The run as it was packed, not on the registry yet. 0, -ENOMEM, -EBADMSG when it is not legible, or
 * -EPROTO when a newer program has packed it. */
int run_unpack(struct registry *r, const uint8_t *small, size_t len, struct run **ret);
/* One that run_unpack has made and that is not on the registry: with its streams. */
void run_discard(struct run *run);

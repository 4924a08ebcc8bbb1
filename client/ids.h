/* Who a stream is: ids drawn at random, and ids that all ranks of a launch find alike on their
 * own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"

#define RUN_ID_OURS 8u /* characters of [a-z0-9] */

/* Never blocks; unlike ones even before the kernel has gathered randomness. */
void id_random(void *out, size_t n);

/* Random; a short name for `seed` that is the same wherever it is made. */
void id_run_random(char out[RUN_ID_OURS + 1]);
void id_run_from(uint64_t seed, char out[RUN_ID_OURS + 1]);

/* What a launcher's environment says about this start of the job (`launch`, one more at each
 * restart) and about the job it is a start of (`job`, the same after a restart). False: it says
 * nothing that would tell two jobs apart. */
struct launcher {
	char launch[LAUNCH_ID_MAX + 1];
	char job[LAUNCH_ID_MAX + 1];
};
bool id_launcher(struct launcher *ret);

/* FNV-1a, 64 bits, continued from `hash` (0: begun). */
uint64_t id_hash(uint64_t hash, const void *data, size_t len);

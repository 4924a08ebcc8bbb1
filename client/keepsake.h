/* What saem_state gives a trainer to keep in its checkpoint: the daemon's state, wrapped so
 * that a file cut short or somebody else's bytes are known before they are sent back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEPSAKE_HEAD_SIZE 32u /* before the state */

/* Writes the head of a keepsake whose state already follows it. step is -1 before any. */
void keepsake_seal(uint8_t *keepsake, size_t state_len, int64_t step);

/* False: it is none, or damaged. The state begins behind the head. */
bool keepsake_open(const uint8_t *keepsake, size_t len, int64_t *ret_step);

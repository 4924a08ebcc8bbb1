/* Writes messages. Only headers pass through here: a payload stays where it is
 * and is sent beside its header. Knows no msgpack library (the client links
 * libc alone) and allocates nothing. */
#pragma once

#include "message.h"

/* Writes prefix and header of `m` (whose payload, if any, has payload_len bytes)
 * to out. Returns the bytes written, or 0 when `cap` is too small. A
 * frame is these bytes followed by the payload. */
size_t encode(const struct message *m, uint32_t payload_len, uint8_t *out, size_t cap);

/* An upper bound of what encode() writes for m. */
size_t encode_size_max(const struct message *m);

/* The payload bytes of a message that has one (STEP, RESTORE, STATE, REPLY), else 0. */
size_t message_payload_len(const struct message *m);

/* Chooses the smallest exact form for a dense vector of counts.
 * ret_n_entries gets the nonzero entries for pairs, d_sae for dense forms. */
enum counts_form counts_choose(const uint32_t *counts, uint32_t d_sae, uint32_t *ret_n_entries);

/* Bytes of a vector in a form. */
size_t counts_size(enum counts_form form, uint32_t n_entries, uint32_t d_sae);

/* Writes the vector in that form (as counts_choose found it) to out. */
void counts_write(enum counts_form form, const uint32_t *counts, uint32_t d_sae, uint8_t *out);

/* Writes messages. Only headers pass through here: a payload stays where it is
 * and is sent beside its header. Knows no msgpack library (the client links
 * libc alone) and allocates nothing. */
#pragma once

#include "counts.h"
#include "message.h"

/* Writes prefix and header of `m` (whose payload, if any, has payload_len bytes)
 * to out. Returns the bytes written, or 0 when `cap` is too small or the header would be
 * above HEADER_LEN_MAX or HEADER_ITEMS_MAX. A frame is these bytes followed by the payload. */
size_t encode(const struct message *m, uint32_t payload_len, uint8_t *out, size_t cap);

/* What encode() writes for m, in bytes; the limits are not looked at. */
size_t encode_size_max(const struct message *m);

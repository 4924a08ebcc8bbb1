/* Turns a frame into a message. Scans first, then lets msgpack-c build the
 * header in an arena that is reused from frame to frame. */
#pragma once

#include "counts.h"
#include "decode_error.h"
#include "frame.h"
#include "message.h"

struct decoder;

/* NULL when memory is short. */
struct decoder *decoder_create(void);
void decoder_destroy(struct decoder *d);

/* Decodes one complete frame into *ret, which borrows from the frame and from
 * the decoder until the next call. Checks everything PROTOCOL.md §1 and §3 say of one message
 * alone; what depends on the run (payload against d_sae, counts against
 * n_rows, the number of scalars) is counts_check's and the core's. On anything
 * but DECODE_OK *err says why, and *ret, which was written as it was read, is nothing. */
enum decode_result decode(struct decoder *d, const struct frame_view *frame, struct message *ret,
	struct decode_error *err);

/* Turns a frame into a message. Scans first, then lets msgpack-c build the
 * header in an arena that is reused from frame to frame. */
#pragma once

#include "frame.h"
#include "message.h"

struct decoder;

/* NULL when memory is short. */
struct decoder *decoder_create(void);
void decoder_destroy(struct decoder *d);

enum decode_result {
	DECODE_OK = 0,
	DECODE_MALFORMED,  /* not a message of this protocol: no type, or no seq where one is due */
	DECODE_BAD_FIELD,  /* type (and seq, for the stream's messages) are legible, the rest is not */
	DECODE_NO_MEMORY
};

struct decode_error {
	enum message_type type;
	bool has_seq;
	uint64_t seq;
	uint32_t code;   /* an error_code or refusal_code that fits */
	char words[192]; /* what was expected, in one sentence */
};

/* Decodes one complete frame into *ret, which borrows from the frame and from
 * the decoder until the next call. Checks everything PROTOCOL.md §1 and §3 say of one message
 * alone; what depends on the run (payload against d_sae, counts against
 * n_rows, the number of scalars) is counts_check's and the core's. On anything
 * but DECODE_OK *ret is untouched and *err says why. */
enum decode_result decode(struct decoder *d, const struct frame_view *frame, struct message *ret,
                          struct decode_error *err);

/* Whether a STEP's counts are what they say for a run of d_sae features:
 * lengths, indices in range and ascending, no count above n_rows. Reads the
 * payload once, at memory speed. Returns NULL, or a phrase that says what is wrong. */
const char *counts_check(const struct counts *counts, uint32_t d_sae, uint32_t n_rows);

/* Reads what the daemon sends, with libc alone: the client library lives in someone else's
 * process and brings no other library along. */
#pragma once

#include "decode_error.h"
#include "frame.h"

/* Reads one complete frame (scanned here) into *ret, which borrows from the frame. DECODE_OK, or DECODE_MALFORMED and
 * *err says why: also for a message that the daemon does not send. */
enum decode_result answer_read(
	const struct frame_view *frame, struct message *ret, struct decode_error *err);

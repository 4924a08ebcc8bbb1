/* Cuts a byte stream into frames. Pure: looks at bytes it does not own,
 * allocates nothing, judges a length the moment it can be read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum frame_result {
	FRAME_READY = 0,
	FRAME_PARTIAL = 1,          /* total_len is set once the prefix is there, else 0 */
	FRAME_HEADER_INVALID = 2,   /* header_len is 0 or above HEADER_LEN_MAX */
	FRAME_PAYLOAD_TOO_LARGE = 3 /* payload_len is above what the caller allows */
};

struct frame_view {
	const uint8_t *header;
	uint32_t header_len;
	const uint8_t *payload;
	uint32_t payload_len;
	size_t total_len; /* prefix, header and payload */
};

/* Looks at the frame that starts at `data`. header_len, payload_len and
 * total_len are filled as soon as the prefix is complete, whatever the result. */
enum frame_result frame_next(
	const uint8_t *data, size_t len, uint64_t payload_len_max, struct frame_view *ret_view);

/* Writes the 8 bytes before a header. */
void frame_prefix(uint8_t out[8], uint32_t header_len, uint32_t payload_len);

#include "frame.h"

#include "le.h"
#include "bounds.h"

enum frame_result frame_next(
	const uint8_t *data, size_t len, uint64_t payload_len_max, struct frame_view *ret_view) {
	*ret_view = (struct frame_view){0};
	if (len < sizeof(uint32_t)) {
		return FRAME_PARTIAL;
	}

	/* Judge a length before waiting for what it announces: a peer that
	 * promises 4 GiB is turned away after four bytes. */
	uint32_t header_len = le32_load(data);
	if (header_len == 0 || header_len > HEADER_LEN_MAX) {
		ret_view->header_len = header_len;
		return FRAME_HEADER_INVALID;
	}
	if (len < FRAME_PREFIX_SIZE) {
		return FRAME_PARTIAL;
	}

	uint32_t payload_len = le32_load(data + sizeof(uint32_t));
	ret_view->header_len = header_len;
	ret_view->payload_len = payload_len;
	ret_view->total_len = (size_t)FRAME_PREFIX_SIZE + header_len + payload_len;
	if (payload_len > payload_len_max) {
		return FRAME_PAYLOAD_TOO_LARGE;
	}
	if (len < ret_view->total_len) {
		return FRAME_PARTIAL;
	}

	ret_view->header = data + FRAME_PREFIX_SIZE;
	ret_view->payload = ret_view->header + header_len;
	return FRAME_READY;
}

void frame_prefix(uint8_t out[FRAME_PREFIX_SIZE], uint32_t header_len, uint32_t payload_len) {
	le32_store(out, header_len);
	le32_store(out + sizeof(uint32_t), payload_len);
}

/* Wherever the stream is cut, a frame is the same frame: judged as soon as its lengths are there, ready
 * with its last byte, never before and never beyond. */
#include "fuzz.h"

#include <string.h>

#include "bounds.h"
#include "frame.h"

#define PAYLOAD_MAX 1000u

/* Looks at a copy of exactly `len` bytes, so that a sanitizer sees what is read behind it. */
static enum frame_result look(const uint8_t *data, size_t len, struct frame_view *ret) {
	uint8_t *copy = malloc(len + (len == 0));

	memcpy(copy, data, len);
	enum frame_result result = frame_next(copy, len, PAYLOAD_MAX, ret);
	if (result == FRAME_READY) {
		HOLDS(ret->header == copy + FRAME_PREFIX_SIZE && ret->header_len >= 1);
		HOLDS(ret->payload + ret->payload_len == copy + ret->total_len &&
			ret->total_len <= len);
	}
	free(copy);
	return result;
}

static void check_cut(const uint8_t *data, size_t size, size_t len) {
	struct frame_view whole, part;
	enum frame_result verdict = look(data, size, &whole);
	enum frame_result result = look(data, len, &part);

	HOLDS(result == verdict || (result == FRAME_PARTIAL && len < size));
	HOLDS((result == FRAME_READY) == (verdict == FRAME_READY && len >= whole.total_len));
	HOLDS(part.total_len == (len < FRAME_PREFIX_SIZE ? 0 : whole.total_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct frame_view view;

	(void)look(data, size, &view);
	for (size_t len = 0; len <= size && len <= 2 * (size_t)FRAME_PREFIX_SIZE; len++) {
		check_cut(data, size, len);
	}
	if (view.total_len > 0 && view.total_len <= size) {
		check_cut(data, size, view.total_len - 1);
		check_cut(data, size, view.total_len);
	}
	return 0;
}

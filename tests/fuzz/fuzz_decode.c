/* What decode takes, encode writes so that it decodes to the same message again; what it refuses,
 * it refuses in words that can be sent back. */
#include "fuzz.h"

#include <string.h>

#include "answer.h"
#include "bounds.h"
#include "decode.h"
#include "encode.h"
#include "frame_json.h"
#include "text.h"

static void check_refusal(enum decode_result result, const struct decode_error *err) {
	HOLDS(result == DECODE_MALFORMED || result == DECODE_BAD_FIELD);
	HOLDS(err->code != 0 && err->words[0] != '\0');
	HOLDS(text_flaw(text_of(err->words, strlen(err->words)), true) == NULL);
	HOLDS(err->has_seq == (result == DECODE_BAD_FIELD && message_has_seq(err->type)));
}

/* The payload follows the header where it was decoded from: as on the wire. */
static uint8_t *write_again(
	const struct message *m, const struct frame_view *from, size_t *ret_len) {
	size_t cap = encode_size_max(m);
	uint8_t *frame = malloc(cap + from->payload_len);

	HOLDS(message_payload_len(m) == from->payload_len);
	*ret_len = encode(m, from->payload_len, frame, cap);
	HOLDS(*ret_len == cap || (*ret_len == 0 && cap > HEADER_LEN_MAX));
	memcpy(frame + cap, from->payload, from->payload_len);
	*ret_len += *ret_len > 0 ? from->payload_len : 0;
	return frame;
}

static void check_message(const struct message *m, const struct frame_view *from) {
	struct decoder *decoder = decoder_create();
	struct message again;
	struct decode_error err;
	struct frame_view view;
	size_t len;
	uint8_t *frame = write_again(m, from, &len);

	if (len > 0) {
		HOLDS(frame_next(frame, len, UINT32_MAX, &view) == FRAME_READY &&
			view.total_len == len);
		HOLDS(decode(decoder, &view, &again, &err) == DECODE_OK);
		json_t *a = message_to_json(m), *b = message_to_json(&again);
		HOLDS(json_equal(a, b));
		json_decref(a);
		json_decref(b);
	}
	free(frame);
	decoder_destroy(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct decoder *decoder = decoder_create();
	struct message m;
	struct decode_error err;
	struct frame_view view;

	if (frame_next(data, size, UINT32_MAX, &view) == FRAME_READY) {
		enum decode_result result = decode(decoder, &view, &m, &err);
		if (result == DECODE_OK) {
			check_message(&m, &view);
		} else {
			check_refusal(result, &err);
		}
		bool is_answer = answer_read(&view, &m, &err) == DECODE_OK;
		HOLDS(is_answer == (result == DECODE_OK && message_is_daemons(m.type)));
	}
	decoder_destroy(decoder);
	return 0;
}

/* Messages as JSON and back, for tests: headers written with msgpack-c's own packer, which knows
 * nothing of encode.c, and messages told in words that a golden frame can be compared with. */
#pragma once

#include <jansson.h>

#include "frame.h"
#include "message.h"

/* A frame of a header given as JSON. Beside plain JSON: {"bin": hex}, {"float": "nan"}, {"f32": 0.5},
 * {"i64": 7} (in eight bytes), {"u64": "18446744073709551615"}, {"map": [[key, value], …]}, {"text": hex} (bytes that need not be
 * UTF-8). Aborts the test on anything else. Returns malloc()ed bytes. */
uint8_t *frame_from_json(
	const json_t *header, const uint8_t *payload, size_t payload_len, size_t *ret_len);
uint8_t *frame_from_text(
	const char *header, const uint8_t *payload, size_t payload_len, size_t *ret_len);

/* What a message says, absent fields left out: as the "message" of tests/golden/frames. */
json_t *message_to_json(const struct message *m);

/* Bytes of a hex text; malloc()ed. */
uint8_t *bytes_of_hex(const char *hex, size_t *ret_len);

/* What a frame can turn out to be, and why it is not a message. */
#pragma once

#include "message.h"

enum decode_result {
	DECODE_OK = 0,
	DECODE_MALFORMED, /* not a message of this protocol: no type, or no seq where one is due */
	DECODE_BAD_FIELD, /* type (and seq, for the stream's messages) are legible, the rest is not */
	DECODE_NO_MEMORY
};

struct decode_error {
	enum message_type type;
	bool has_seq;
	uint64_t seq;
	uint32_t code;   /* an error_code or refusal_code that fits */
	char words[192]; /* what was expected, in one sentence */
};

/* Nothing known yet. */
void decode_error_clear(struct decode_error *err);

/* Sets code and words and returns false, for readers that chain with &&. */
bool decode_fail(struct decode_error *err, uint32_t code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether a text is one of the words, which end with NULL and which `expected` lists; a text that was not
 * given is. If not, fails as above. */
bool decode_choice(struct decode_error *err, uint32_t code, const char *key, struct text value,
	const char *const *words, const char *expected);

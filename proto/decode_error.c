#include "decode_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

void decode_error_clear(struct decode_error *err) {
	err->type = 0;
	err->has_seq = false;
	err->seq = 0;
	err->code = 0;
	err->words[0] = '\0';
}

bool decode_fail(struct decode_error *err, uint32_t code, const char *format, ...) {
	va_list args;

	err->code = code;
	va_start(args, format);
	(void)vsnprintf(err->words, sizeof err->words, format, args);
	va_end(args);
	return false;
}

bool decode_choice(struct decode_error *err, uint32_t code, const char *key, struct text value,
	const char *const *words, const char *expected) {
	char quote[TEXT_QUOTE_SIZE];

	return value.data == NULL || text_among(value, words) ||
	       decode_fail(err, code, "%s is \"%s\"; expected %s", key, text_quote(value, quote),
		       expected);
}

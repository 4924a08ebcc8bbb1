#include "decode_error.h"

#include <stdarg.h>
#include <stdio.h>

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

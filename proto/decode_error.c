#include "decode_error.h"

#include <stdarg.h>
#include <stdio.h>

bool decode_fail(struct decode_error *err, uint32_t code, const char *format, ...) {
	va_list args;

	err->code = code;
	va_start(args, format);
	(void)vsnprintf(err->words, sizeof err->words, format, args);
	va_end(args);
	return false;
}

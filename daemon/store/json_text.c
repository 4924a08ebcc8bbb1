#include "json_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "repr.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: above it doubles skip whole numbers */

static int put_escaped(struct buf *b, unsigned char c) {
	switch (c) {
	case '"':
		return buf_append(b, "\\\"", 2);
	case '\\':
		return buf_append(b, "\\\\", 2);
	default:
		return c < 0x20 ? buf_printf(b, "\\u%04x", c) : buf_append(b, &c, 1);
	}
}

int json_put_text(struct buf *b, const char *text, size_t len) {
	int err = buf_append(b, "\"", 1);
	for (size_t i = 0; err == 0 && i < len; i++) {
		err = put_escaped(b, (unsigned char)text[i]);
	}
	return err < 0 ? err : buf_append(b, "\"", 1);
}

int json_put_number(struct buf *b, double value) {
	char text[REPR_MAX];
	repr_double(text, value);
	return isfinite(value) ? buf_append(b, text, strlen(text))
			       : json_put_text(b, text, strlen(text));
}

int json_put_count(struct buf *b, double value) {
	if (value == floor(value) && fabs(value) <= WHOLE_MAX) {
		return buf_printf(b, "%" PRId64, (int64_t)value);
	}
	return json_put_number(b, value);
}

int json_put_member(struct buf *b, const char *name) {
	int err = buf_append(b, b->len == 0 ? "{" : ", ", b->len == 0 ? 1 : 2);
	if (err == 0) {
		err = json_put_text(b, name, strlen(name));
	}
	return err < 0 ? err : buf_append(b, ": ", 2);
}

int json_put_list(
	struct buf *b, const double *values, uint32_t n, int (*put)(struct buf *b, double value)) {
	int err = buf_append(b, "[", 1);
	for (uint32_t i = 0; err == 0 && i < n; i++) {
		err = i > 0 ? buf_append(b, ", ", 2) : 0;
		if (err == 0) {
			err = put(b, values[i]);
		}
	}
	return err < 0 ? err : buf_append(b, "]", 1);
}

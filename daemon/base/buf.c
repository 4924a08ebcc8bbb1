#include "buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MIN 64u

void buf_finish(struct buf *b) {
	if (b == NULL) {
		return;
	}
	free(b->data);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b) {
	b->len = 0;
}

int buf_reserve(struct buf *b, size_t more) {
	if (more > SIZE_MAX / 2 - b->len) {
		return -ENOMEM;
	}
	size_t need = b->len + more;
	if (need <= b->cap) {
		return 0;
	}

	size_t cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
	while (cap < need) {
		cap *= 2;
	}
	uint8_t *data = realloc(b->data, cap);
	if (data == NULL) {
		return -ENOMEM;
	}
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_append(struct buf *b, const void *data, size_t len) {
	int err = buf_reserve(b, len);
	if (err < 0) {
		return err;
	}
	if (len > 0) {
		memcpy(b->data + b->len, data, len);
		b->len += len;
	}
	return 0;
}

int buf_printf(struct buf *b, const char *format, ...) {
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);

	int err = len < 0 ? -EINVAL : buf_reserve(b, (size_t)len + 1);
	if (err == 0) {
		vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
		b->len += (size_t)len;
	}
	va_end(again);
	return err;
}

void buf_consume(struct buf *b, size_t len) {
	assert(len <= b->len);
	b->len -= len;
	if (b->len > 0) {
		memmove(b->data, b->data + len, b->len);
	}
}

char *buf_text(struct buf *b) {
	if (buf_reserve(b, 1) < 0) {
		return NULL;
	}
	b->data[b->len] = '\0';
	return (char *)b->data;
}

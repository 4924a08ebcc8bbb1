/* A growable run of bytes. Zeroed is empty. A failed append leaves it as it was. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len, cap;
};

void buf_finish(struct buf *b);
void buf_clear(struct buf *b); /* empty, memory kept */

/* Room for `more` bytes behind len. 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t more);
int buf_append(struct buf *b, const void *data, size_t len);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops `len` bytes from the front. */
void buf_consume(struct buf *b, size_t len);

/* The content as a string of its own ('\0' behind len); NULL when memory is short. */
char *buf_text(struct buf *b);

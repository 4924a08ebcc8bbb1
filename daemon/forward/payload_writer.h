/* A JSON text being put together. The first failure stays, what follows it is nothing, and payload_end takes
 * back what was written. */
#pragma once

#include "buf.h"
#include "message.h"

struct payload_writer {
	struct buf *out;
	size_t begin;
	int err;
};

void payload_begin(struct payload_writer *w, struct buf *out);
int payload_end(struct payload_writer *w); /* 0 or the first failure */

/* JSON as it stands. */
void payload_put(struct payload_writer *w, const char *json);
void payload_put_part(struct payload_writer *w, struct text json);

/* As JSON; null for NULL. */
void payload_put_text(struct payload_writer *w, const char *text);
void payload_put_integer(struct payload_writer *w, int64_t integer);

/* A JSON list of texts as it stands, null for NULL; whatever else it is, is -EINVAL. */
void payload_put_texts(struct payload_writer *w, const char *json);

/* Writes msgpack into room it does not own, and only counts once that has run out: so measuring and
 * writing are the same code. Integers take their smallest width, floats are always 64 bits wide. */
#pragma once

#include "message.h"

struct writer {
	uint8_t *out;
	size_t cap, len;
	uint32_t items;
	uint8_t spill[16]; /* where a head goes that has no room: never read */
};

void put_nil(struct writer *w);
void put_bool(struct writer *w, bool v);
void put_uint(struct writer *w, uint64_t v);
void put_int(struct writer *w, int64_t v);
void put_float(struct writer *w, double v);
void put_array(struct writer *w, uint32_t count);
void put_map(struct writer *w, uint32_t count);
void put_bin(struct writer *w, const uint8_t *data, size_t len);
void put_text(struct writer *w, struct text text);
void put_word(struct writer *w, const char *word);
void put_texts(struct writer *w, const struct text *items, uint32_t count);
void put_floats(struct writer *w, const double *items, uint32_t count);
void put_uint_if(struct writer *w, bool given, uint64_t v);

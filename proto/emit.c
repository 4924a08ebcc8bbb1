#include "emit.h"

#include <endian.h>
#include <string.h>

/* Where the next `len` bytes go, at most a head's. */
static uint8_t *claim(struct writer *w, size_t len) {
	uint8_t *at = w->len + len <= w->cap ? w->out + w->len : w->spill;

	w->len += len;
	return at;
}

static void put_bytes(struct writer *w, const void *data, size_t len) {
	if (len > 0 && w->out != NULL && w->len + len <= w->cap) {
		memcpy(w->out + w->len, data, len);
	}
	w->len += len;
}

static void put_byte(struct writer *w, uint8_t byte) {
	*claim(w, 1) = byte;
	w->items++;
}

/* A head byte and the lowest 1, 2, 4 or 8 bytes of v, big-endian. */
static void put_head8(struct writer *w, uint8_t head, uint64_t v) {
	uint8_t *at = claim(w, 2);

	at[0] = head;
	at[1] = (uint8_t)v;
	w->items++;
}

static void put_head16(struct writer *w, uint8_t head, uint64_t v) {
	uint8_t *at = claim(w, 1 + sizeof(uint16_t));
	uint16_t be = htobe16((uint16_t)v);

	at[0] = head;
	memcpy(at + 1, &be, sizeof be);
	w->items++;
}

static void put_head32(struct writer *w, uint8_t head, uint64_t v) {
	uint8_t *at = claim(w, 1 + sizeof(uint32_t));
	uint32_t be = htobe32((uint32_t)v);

	at[0] = head;
	memcpy(at + 1, &be, sizeof be);
	w->items++;
}

static void put_head64(struct writer *w, uint8_t head, uint64_t v) {
	uint8_t *at = claim(w, 1 + sizeof(uint64_t));
	uint64_t be = htobe64(v);

	at[0] = head;
	memcpy(at + 1, &be, sizeof be);
	w->items++;
}

void put_nil(struct writer *w) {
	put_byte(w, 0xc0);
}

void put_bool(struct writer *w, bool v) {
	put_byte(w, v ? 0xc3 : 0xc2);
}

void put_uint(struct writer *w, uint64_t v) {
	if (v < 0x80) {
		put_byte(w, (uint8_t)v);
	} else if (v <= UINT8_MAX) {
		put_head8(w, 0xcc, v);
	} else if (v <= UINT16_MAX) {
		put_head16(w, 0xcd, v);
	} else if (v <= UINT32_MAX) {
		put_head32(w, 0xce, v);
	} else {
		put_head64(w, 0xcf, v);
	}
}

void put_int(struct writer *w, int64_t v) {
	if (v >= 0) {
		put_uint(w, (uint64_t)v);
	} else if (v >= -32) {
		put_byte(w, (uint8_t)v);
	} else if (v >= INT8_MIN) {
		put_head8(w, 0xd0, (uint64_t)v);
	} else if (v >= INT16_MIN) {
		put_head16(w, 0xd1, (uint64_t)v);
	} else if (v >= INT32_MIN) {
		put_head32(w, 0xd2, (uint64_t)v);
	} else {
		put_head64(w, 0xd3, (uint64_t)v);
	}
}

void put_float(struct writer *w, double v) {
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	put_head64(w, 0xcb, bits);
}

void put_array(struct writer *w, uint32_t count) {
	if (count < 16) {
		put_byte(w, (uint8_t)(0x90 | count));
	} else if (count <= UINT16_MAX) {
		put_head16(w, 0xdc, count);
	} else {
		put_head32(w, 0xdd, count);
	}
}

void put_map(struct writer *w, uint32_t count) {
	if (count < 16) {
		put_byte(w, (uint8_t)(0x80 | count));
	} else {
		put_head16(w, 0xde, count);
	}
}

void put_bin(struct writer *w, const uint8_t *data, size_t len) {
	put_head8(w, 0xc4, len);
	put_bytes(w, data, len);
}

void put_text(struct writer *w, struct text text) {
	if (text.data == NULL) {
		put_nil(w);
		return;
	}
	if (text.len < 32) {
		put_byte(w, (uint8_t)(0xa0 | text.len));
	} else if (text.len <= UINT8_MAX) {
		put_head8(w, 0xd9, text.len);
	} else if (text.len <= UINT16_MAX) {
		put_head16(w, 0xda, text.len);
	} else {
		put_head32(w, 0xdb, text.len);
	}
	put_bytes(w, text.data, text.len);
}

void put_word(struct writer *w, const char *word) {
	put_text(w, text_of(word, strlen(word)));
}

void put_texts(struct writer *w, const struct text *items, uint32_t count) {
	put_array(w, count);
	for (uint32_t i = 0; i < count; i++) {
		put_text(w, items[i]);
	}
}

void put_floats(struct writer *w, const double *items, uint32_t count) {
	put_array(w, count);
	for (uint32_t i = 0; i < count; i++) {
		put_float(w, items[i]);
	}
}

void put_uint_if(struct writer *w, bool given, uint64_t v) {
	if (given) {
		put_uint(w, v);
	} else {
		put_nil(w);
	}
}

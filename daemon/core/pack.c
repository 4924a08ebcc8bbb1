#include "pack.h"

#include <stdlib.h>
#include <string.h>

#include "le.h"

#define TEXT_NULL UINT32_MAX

void pack_bytes(struct packer *p, const void *data, size_t len) {
	if (!p->failed && buf_append(&p->buf, data, len) < 0) {
		p->failed = true;
	}
}

void pack_u8(struct packer *p, uint8_t value) {
	pack_bytes(p, &value, sizeof value);
}

void pack_u32(struct packer *p, uint32_t value) {
	uint8_t bytes[4];

	le32_store(bytes, value);
	pack_bytes(p, bytes, sizeof bytes);
}

void pack_u64(struct packer *p, uint64_t value) {
	uint8_t bytes[8];

	le64_store(bytes, value);
	pack_bytes(p, bytes, sizeof bytes);
}

void pack_f64(struct packer *p, double value) {
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	pack_u64(p, bits);
}

void pack_text(struct packer *p, const char *text) {
	if (text == NULL) {
		pack_u32(p, TEXT_NULL);
		return;
	}
	size_t len = strlen(text);
	pack_u32(p, (uint32_t)len);
	pack_bytes(p, text, len);
}

const uint8_t *unpack_bytes(struct unpacker *u, size_t len) {
	if (u->failed || u->len < len) {
		u->failed = true;
		return NULL;
	}
	const uint8_t *data = u->data;
	u->data += len;
	u->len -= len;
	return data;
}

uint8_t unpack_u8(struct unpacker *u) {
	const uint8_t *bytes = unpack_bytes(u, 1);

	return bytes != NULL ? *bytes : 0;
}

bool unpack_bool(struct unpacker *u) {
	return unpack_u8(u) != 0;
}

uint32_t unpack_u32(struct unpacker *u) {
	const uint8_t *bytes = unpack_bytes(u, 4);

	return bytes != NULL ? le32_load(bytes) : 0;
}

uint32_t unpack_u32_max(struct unpacker *u, uint32_t max) {
	uint32_t value = unpack_u32(u);

	if (value > max) {
		u->failed = true;
		return 0;
	}
	return value;
}

uint64_t unpack_u64(struct unpacker *u) {
	const uint8_t *bytes = unpack_bytes(u, 8);

	return bytes != NULL ? le64_load(bytes) : 0;
}

double unpack_f64(struct unpacker *u) {
	uint64_t bits = unpack_u64(u);
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

struct text unpack_text(struct unpacker *u) {
	uint32_t len = unpack_u32(u);
	if (u->failed || len == TEXT_NULL) {
		return (struct text){0};
	}
	const char *data = (const char *)unpack_bytes(u, len);
	return data != NULL ? text_of(data, len) : (struct text){0};
}

char *unpack_string(struct unpacker *u) {
	struct text text = unpack_text(u);
	if (text.data == NULL) {
		return NULL;
	}
	char *copy = strndup(text.data, text.len);
	if (copy == NULL) {
		u->failed = true;
	}
	return copy;
}

#include "token.h"

#include <endian.h>
#include <string.h>

/* msgpack's own numbers are big-endian. */
static uint64_t load_be(const uint8_t *p, size_t size) {
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (size) {
	case 1:
		return p[0];
	case 2:
		memcpy(&v16, p, sizeof v16);
		return be16toh(v16);
	case 4:
		memcpy(&v32, p, sizeof v32);
		return be32toh(v32);
	case 8:
		memcpy(&v64, p, sizeof v64);
		return be64toh(v64);
	default:
		return 0;
	}
}

static double to_double(uint64_t bits, size_t size) {
	if (size == sizeof(float)) {
		uint32_t bits32 = (uint32_t)bits;
		float f;

		memcpy(&f, &bits32, sizeof f);
		return (double)f;
	}

	double d;
	memcpy(&d, &bits, sizeof d);
	return d;
}

static void set_signed(struct token *t, uint64_t bits, size_t size) {
	unsigned shift = (unsigned)(64 - 8 * size);
	int64_t v = (int64_t)(bits << shift) >> shift;

	if (v < 0) {
		t->kind = TOKEN_NEGATIVE;
		t->negative = v;
	} else {
		t->kind = TOKEN_UINT;
		t->natural = (uint64_t)v;
	}
}

static void set_count(struct token *t, enum token_kind kind, uint64_t count) {
	t->kind = kind;
	t->count = (uint32_t)count;
}

/* How many bytes of a number follow each of the bytes 0xc0 … 0xdf; 255: none of this protocol's. */
static const uint8_t operand_size[32] = {
	[0x00] = 0,
	[0x01] = 255,
	[0x02] = 0,
	[0x03] = 0, /* nil, -, false, true */
	[0x04] = 1,
	[0x05] = 2,
	[0x06] = 4, /* bin */
	[0x07] = 255,
	[0x08] = 255,
	[0x09] = 255, /* ext */
	[0x0a] = 4,
	[0x0b] = 8, /* float */
	[0x0c] = 1,
	[0x0d] = 2,
	[0x0e] = 4,
	[0x0f] = 8, /* uint */
	[0x10] = 1,
	[0x11] = 2,
	[0x12] = 4,
	[0x13] = 8, /* int */
	[0x14] = 255,
	[0x15] = 255,
	[0x16] = 255,
	[0x17] = 255,
	[0x18] = 255, /* fixext */
	[0x19] = 1,
	[0x1a] = 2,
	[0x1b] = 4, /* text */
	[0x1c] = 2,
	[0x1d] = 4,
	[0x1e] = 2,
	[0x1f] = 4, /* array, map */
};

static void set_sized(struct token *t, uint8_t head, uint64_t v, size_t size) {
	switch (head) {
	case 0xc0:
		t->kind = TOKEN_NIL;
		break;
	case 0xc2:
	case 0xc3:
		t->kind = TOKEN_BOOL;
		t->truth = head == 0xc3;
		break;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		set_count(t, TOKEN_BIN, v);
		break;
	case 0xca:
	case 0xcb:
		t->kind = TOKEN_FLOAT;
		t->number = to_double(v, size);
		break;
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		t->kind = TOKEN_UINT;
		t->natural = v;
		break;
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		set_signed(t, v, size);
		break;
	case 0xdc:
	case 0xdd:
		set_count(t, TOKEN_ARRAY, v);
		break;
	case 0xde:
	case 0xdf:
		set_count(t, TOKEN_MAP, v);
		break;
	default: /* 0xd9 … 0xdb */
		set_count(t, TOKEN_TEXT, v);
		break;
	}
}

enum scan_result token_read(const uint8_t *p, const uint8_t *end, struct token *ret) {
	if (p == end) {
		return SCAN_TRUNCATED;
	}

	uint8_t head = *p++;
	ret->count = 0;
	ret->data = p;
	if (head < 0x80) {
		ret->kind = TOKEN_UINT;
		ret->natural = head;
	} else if (head >= 0xe0) {
		ret->kind = TOKEN_NEGATIVE;
		ret->negative = (int64_t)head - 256;
	} else if (head >= 0xc0) {
		size_t size = operand_size[head - 0xc0];
		if (size > sizeof(uint64_t)) {
			return SCAN_RESERVED;
		}
		if ((size_t)(end - p) < size) {
			return SCAN_TRUNCATED;
		}
		ret->data = p + size;
		set_sized(ret, head, load_be(p, size), size);
	} else if (head >= 0xa0) {
		set_count(ret, TOKEN_TEXT, head & 0x1f);
	} else {
		set_count(ret, head >= 0x90 ? TOKEN_ARRAY : TOKEN_MAP, head & 0x0f);
	}
	return SCAN_OK;
}

const uint8_t *token_end(const struct token *token, const uint8_t *end) {
	struct token t = *token;
	uint64_t left = 0; /* values still to come */

	for (;;) {
		if (t.kind == TOKEN_TEXT || t.kind == TOKEN_BIN) {
			t.data += t.count;
		} else if (t.kind == TOKEN_ARRAY) {
			left += t.count;
		} else if (t.kind == TOKEN_MAP) {
			left += 2ull * t.count;
		}
		if (left == 0) {
			return t.data;
		}
		left--;
		(void)token_read(t.data, end, &t);
	}
}

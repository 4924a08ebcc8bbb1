#include "scan.h"

#include "bounds.h"
#include "token.h"

const struct scan_limits scan_header_limits = {
	.depth = HEADER_DEPTH_MAX,
	.items = HEADER_ITEMS_MAX,
	.bytes = HEADER_BYTES_MAX,
};

struct scanner {
	const uint8_t *p, *end;
	uint64_t items; /* values announced so far */
	uint64_t left;  /* of these, still to come at this depth */
	uint32_t depth;
	uint64_t outer[SCAN_DEPTH_MAX]; /* still to come at the depths around this one */
};

static enum scan_result scan_bytes(struct scanner *s, uint32_t count, uint32_t max) {
	if (count > max) {
		return SCAN_TOO_LONG;
	}
	if (count > (size_t)(s->end - s->p)) {
		return SCAN_TRUNCATED;
	}
	s->p += count;
	return SCAN_OK;
}

/* Counts what a container announces before looking for it. */
static enum scan_result scan_container(
	struct scanner *s, uint64_t values, const struct scan_limits *limits) {
	if (s->depth >= limits->depth || s->depth >= SCAN_DEPTH_MAX) {
		return SCAN_TOO_DEEP;
	}
	s->items += values;
	if (s->items > limits->items) {
		return SCAN_TOO_MANY;
	}
	s->outer[s->depth++] = s->left;
	s->left = values;
	return SCAN_OK;
}

static enum scan_result scan_value(struct scanner *s, const struct scan_limits *limits) {
	struct token t;
	enum scan_result result = token_read(s->p, s->end, &t);

	if (result != SCAN_OK) {
		return result;
	}
	s->p = t.data;
	switch (t.kind) {
	case TOKEN_TEXT:
	case TOKEN_BIN:
		return scan_bytes(s, t.count, limits->bytes);
	case TOKEN_ARRAY:
		return scan_container(s, t.count, limits);
	case TOKEN_MAP:
		return scan_container(s, 2ull * t.count, limits);
	default:
		return SCAN_OK;
	}
}

/* Bytes of a value that is neither text, bin nor container, its head included; 0: ask token_read. Most
 * of a STEP is floats: without this shortcut scanning costs half as much as building. */
static size_t scalar_size(uint8_t head) {
	static const uint8_t sizes[32] = {
		[0x00] = 1,
		[0x02] = 1,
		[0x03] = 1, /* nil, false, true */
		[0x0a] = 5,
		[0x0b] = 9, /* float */
		[0x0c] = 2,
		[0x0d] = 3,
		[0x0e] = 5,
		[0x0f] = 9, /* uint */
		[0x10] = 2,
		[0x11] = 3,
		[0x12] = 5,
		[0x13] = 9, /* int */
	};

	return head < 0x80 || head >= 0xe0 ? 1 : head >= 0xc0 ? sizes[head - 0xc0] : 0;
}

enum scan_result scan(const uint8_t *data, size_t len, const struct scan_limits *limits) {
	struct scanner s;

	/* Not the whole struct: zeroing a stack that is hardly used would double the time. */
	s.p = data;
	s.end = data + len;
	s.items = 1;
	s.left = 1;
	s.depth = 0;
	for (;;) {
		while (s.left == 0) {
			if (s.depth == 0) {
				return s.p == s.end ? SCAN_OK : SCAN_TRAILING;
			}
			s.left = s.outer[--s.depth];
		}
		s.left--;

		size_t size = s.p < s.end ? scalar_size(*s.p) : 0;
		if (size > 0 && size <= (size_t)(s.end - s.p)) {
			s.p += size;
			continue;
		}
		enum scan_result result = scan_value(&s, limits);
		if (result != SCAN_OK) {
			return result;
		}
	}
}

const char *scan_words(enum scan_result result) {
	switch (result) {
	case SCAN_OK:
		return "well-formed";
	case SCAN_TRUNCATED:
		return "cut off in the middle of a value";
	case SCAN_TRAILING:
		return "followed by bytes that belong to nothing";
	case SCAN_RESERVED:
		return "not msgpack, or holds an ext value";
	case SCAN_TOO_DEEP:
		return "nested too deeply (at most 5)";
	case SCAN_TOO_MANY:
		return "of too many elements (at most 16384)";
	case SCAN_TOO_LONG:
		return "holding a text or bin that is too long (at most 196608 bytes)";
	}
	return "unreadable";
}

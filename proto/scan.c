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
	uint32_t depth;
	uint64_t left[SCAN_DEPTH_MAX + 1]; /* values still to come at each depth */
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
static enum scan_result scan_container(struct scanner *s, uint64_t values,
	const struct scan_limits *limits) {
	if (s->depth >= limits->depth || s->depth >= SCAN_DEPTH_MAX) {
		return SCAN_TOO_DEEP;
	}
	s->items += values;
	if (s->items > limits->items) {
		return SCAN_TOO_MANY;
	}
	s->left[++s->depth] = values;
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

enum scan_result scan(const uint8_t *data, size_t len, const struct scan_limits *limits) {
	struct scanner s = {.p = data, .end = data + len, .items = 1, .left = {1}};

	for (;;) {
		while (s.left[s.depth] == 0) {
			if (s.depth == 0) {
				return s.p == s.end ? SCAN_OK : SCAN_TRAILING;
			}
			s.depth--;
		}
		s.left[s.depth]--;

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

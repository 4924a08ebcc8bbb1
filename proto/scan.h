/* Measures a msgpack header before a library may build anything from it:
 * well-formed, exactly one value, of bounded depth and element count. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum scan_result {
	SCAN_OK = 0,
	SCAN_TRUNCATED, /* ends in the middle of a value */
	SCAN_TRAILING,  /* bytes after the value */
	SCAN_RESERVED,  /* a byte or an ext type this protocol does not use */
	SCAN_TOO_DEEP,
	SCAN_TOO_MANY,
	SCAN_TOO_LONG /* a string or bin above HEADER_BYTES_MAX */
};

#define SCAN_DEPTH_MAX 32u /* a fixed stack; also where msgpack-c stops */

/* An item is a value at any level, a map's keys and the outermost value included; a container
 * without containers has depth 1. Depth is bounded by SCAN_DEPTH_MAX too. */
struct scan_limits {
	uint32_t depth, items, bytes;
};

/* The protocol's own limits. */
extern const struct scan_limits scan_header_limits;

enum scan_result scan(const uint8_t *data, size_t len, const struct scan_limits *limits);

/* One plain phrase, e.g. "nested too deeply (at most 4)". */
const char *scan_words(enum scan_result result);

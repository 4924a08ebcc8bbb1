/* Reads msgpack one head at a time from bytes it does not own: a number whole, of a text its
 * length, of an array its count. For whoever cannot or must not let a library build anything. */
#pragma once

#include <stdbool.h>

#include "scan.h"

enum token_kind {
	TOKEN_NIL,
	TOKEN_BOOL,
	TOKEN_UINT,
	TOKEN_NEGATIVE,
	TOKEN_FLOAT,
	TOKEN_TEXT,
	TOKEN_BIN,
	TOKEN_ARRAY,
	TOKEN_MAP
};

struct token {
	enum token_kind kind;
	uint32_t count; /* text, bin: bytes that follow; array: values; map: pairs */
	union {
		bool truth;
		uint64_t natural;
		int64_t negative;
		double number;
	};
	const uint8_t *data; /* what follows the head */
};

/* Reads the head at `p`; the next one starts at ret->data, after a text's or bin's bytes (which
 * are not checked to be there). SCAN_OK, SCAN_TRUNCATED or SCAN_RESERVED. */
enum scan_result token_read(const uint8_t *p, const uint8_t *end, struct token *ret);

/* The bytes of the value a token of a scanned header begins, to its end; nested ones included. */
const uint8_t *token_end(const struct token *token, const uint8_t *end);

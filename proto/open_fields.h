/* OPEN's map as a table: the one list of its keys, where each lives in struct msg_open and what it
 * may be. encode writes by it, decode reads by it; PROTOCOL.md §3.2 is the same list in words. */
#pragma once

#include "message.h"

enum open_kind {
	OPEN_ID,   /* bin of 16 bytes */
	OPEN_NAME, /* text without control characters */
	OPEN_TEXT, /* any text */
	OPEN_U32,
	OPEN_U64,
	OPEN_FLOAT, /* finite */
	OPEN_BOOL,
	OPEN_NAMES, /* a list of names */
	OPEN_TEXTS, /* a list of texts, cut where it is too long */
	OPEN_FLOATS /* a list of floats in (0, 1] */
};

struct open_field {
	const char *key;
	enum open_kind kind;
	bool required;
	bool always;    /* written also when 0, because 0 does not mean "not given" */
	uint16_t value; /* offset in struct msg_open */
	uint16_t given; /* offset of its has_ flag or its list's count; 0: it has none */
	uint32_t list_max;
	uint64_t min, max;   /* a number's range, a text's bytes */
	uint64_t fallback;   /* a number's value when absent */
	const char *because; /* after "expected at least 2": ", because …", or NULL */
};

extern const struct open_field open_fields[];
extern const uint32_t open_fields_count;

/* The field of that key, or NULL. */
const struct open_field *open_field_find(struct text key);

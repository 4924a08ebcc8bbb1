/* Reads the elements of a message that msgpack-c has built, one field at a time: checks kind and range,
 * and says in one sentence what was expected where they are wrong. Every reader returns
 * false after it has filled the error, so that they chain with &&. */
#pragma once

#include <msgpack.h>

#include "decode_error.h"
#include "frame.h"

struct fields {
	const msgpack_object *items;
	uint32_t count;
	const struct frame_view *frame;
	msgpack_zone *zone; /* the arena */
	struct decode_error *err;
	uint32_t code; /* of an error for which the field has no code of its own */
	bool no_memory;
};

struct number_field {
	const char *name;
	uint64_t min, max;
	uint32_t code;       /* 0: the message's */
	const char *because; /* behind "expected at least 2", or NULL */
};

struct text_field {
	const char *name;
	size_t min, max; /* bytes */
	bool is_name;    /* no control characters */
	uint32_t code;
};

/* The i-th element, or NULL where it is nil or missing: both mean "not given". */
const msgpack_object *fields_at(const struct fields *f, uint32_t i);

/* Whether a map is there, or nothing at all; and the value of one of its keys, NULL where that is not given. */
bool check_map(struct fields *f, const msgpack_object *map);
const msgpack_object *map_at(const msgpack_object *map, const char *key);

bool read_uint(
	struct fields *f, const msgpack_object *o, const struct number_field *field, uint64_t *ret);
bool read_u32(
	struct fields *f, const msgpack_object *o, const struct number_field *field, uint32_t *ret);
/* Leaves *ret alone where nothing is given. */
bool read_optional_u32(
	struct fields *f, const msgpack_object *o, const struct number_field *field, uint32_t *ret);
bool read_lap(struct fields *f, const msgpack_object *o, uint32_t *ret);
bool read_step(struct fields *f, const msgpack_object *o, uint32_t *ret);
bool read_optional_step(struct fields *f, const msgpack_object *o, bool *ret_given, uint32_t *ret);

/* A number that is neither NaN nor infinite. */
bool read_finite(struct fields *f, const msgpack_object *o, const char *name, double *ret);
/* Any number; false without an error where it is none. */
bool number_of(const msgpack_object *o, double *ret);

bool read_text(struct fields *f, const msgpack_object *o, const struct text_field *field,
	struct text *ret);
bool read_bool(struct fields *f, const msgpack_object *o, const char *name, bool *ret);
/* False where nothing is given. */
bool read_optional_bool(struct fields *f, const msgpack_object *o, const char *name, bool *ret);
/* *ret is {NULL, 0} where nothing is given. */
bool read_optional_text(struct fields *f, const msgpack_object *o, const struct text_field *field,
	struct text *ret);
/* A list of texts; what is behind list_max is cut off when `cut`, else an error. */
bool read_texts(struct fields *f, const msgpack_object *o, const struct text_field *field,
	uint32_t list_max, bool cut, struct text *ret, uint32_t *ret_count);
/* "tags is a map; expected a list of texts". */
bool fail_kind(struct fields *f, uint32_t code, const char *name, const msgpack_object *o,
	const char *expected);

/* Memory that lives until the next message. NULL, and f->no_memory, when memory is short. */
void *fields_alloc(struct fields *f, size_t size);

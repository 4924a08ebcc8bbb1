#include "fields.h"

#include <math.h>
#include <stdio.h>

#include "text.h"

const msgpack_object *fields_at(const struct fields *f, uint32_t i) {
	if (i >= f->count || f->items[i].type == MSGPACK_OBJECT_NIL) {
		return NULL;
	}
	return &f->items[i];
}

static const char *kind_name(const msgpack_object *o) {
	if (o == NULL) {
		return "missing";
	}
	switch (o->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		return "a bool";
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return "an integer";
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return "a float";
	case MSGPACK_OBJECT_STR:
		return "text";
	case MSGPACK_OBJECT_BIN:
		return "a bin";
	case MSGPACK_OBJECT_ARRAY:
		return "a list";
	case MSGPACK_OBJECT_MAP:
		return "a map";
	default:
		return "nil";
	}
}

bool check_map(struct fields *f, const msgpack_object *map) {
	return map == NULL || map->type == MSGPACK_OBJECT_MAP ||
	       fail_kind(f, 0, "an element", map, "a map");
}

const msgpack_object *map_at(const msgpack_object *map, const char *key) {
	const msgpack_object *value = NULL;

	for (uint32_t i = 0; map != NULL && i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];
		if (kv->key.type == MSGPACK_OBJECT_STR && kv->val.type != MSGPACK_OBJECT_NIL &&
			text_is(text_of(kv->key.via.str.ptr, kv->key.via.str.size), key)) {
			value = &kv->val;
		}
	}
	return value;
}

static uint32_t code_of(const struct fields *f, uint32_t code) {
	return code != 0 ? code : f->code;
}

bool fail_kind(struct fields *f, uint32_t code, const char *name, const msgpack_object *o,
	const char *expected) {
	return decode_fail(
		f->err, code_of(f, code), "%s is %s; expected %s", name, kind_name(o), expected);
}

static bool fail_range(struct fields *f, const struct number_field *field, const char *value) {
	const char *because = field->because != NULL ? field->because : "";
	unsigned long long min = field->min, max = field->max;

	if (max == UINT32_MAX || max >= SEQ_MAX) {
		return decode_fail(f->err, code_of(f, field->code),
			"%s is %s; expected at least %llu%s", field->name, value, min, because);
	}
	return decode_fail(f->err, code_of(f, field->code), "%s is %s; expected %llu to %llu%s",
		field->name, value, min, max, because);
}

bool read_uint(struct fields *f, const msgpack_object *o, const struct number_field *field,
	uint64_t *ret) {
	char value[24];

	if (o != NULL && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
		if (o->via.u64 >= field->min && o->via.u64 <= field->max) {
			*ret = o->via.u64;
			return true;
		}
		(void)snprintf(value, sizeof value, "%llu", (unsigned long long)o->via.u64);
		return fail_range(f, field, value);
	}
	if (o != NULL && o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
		(void)snprintf(value, sizeof value, "%lld", (long long)o->via.i64);
		return fail_range(f, field, value);
	}
	return fail_kind(f, field->code, field->name, o, "an integer");
}

bool read_u32(struct fields *f, const msgpack_object *o, const struct number_field *field,
	uint32_t *ret) {
	uint64_t v = 0;

	if (!read_uint(f, o, field, &v)) {
		return false;
	}
	*ret = (uint32_t)v;
	return true;
}

bool read_optional_u32(struct fields *f, const msgpack_object *o, const struct number_field *field,
	uint32_t *ret) {
	return o == NULL || read_u32(f, o, field, ret);
}

bool read_lap(struct fields *f, const msgpack_object *o, uint32_t *ret) {
	static const struct number_field lap = {"lap", 0, LAP_MAX, ERROR_BAD_STEP, NULL};

	return read_u32(f, o, &lap, ret);
}

bool read_step(struct fields *f, const msgpack_object *o, uint32_t *ret) {
	static const struct number_field step = {"step", 0, STEP_MAX, ERROR_BAD_STEP, NULL};

	return read_u32(f, o, &step, ret);
}

bool read_optional_step(struct fields *f, const msgpack_object *o, bool *ret_given, uint32_t *ret) {
	*ret_given = o != NULL;
	*ret = 0;
	return o == NULL || read_step(f, o, ret);
}

bool number_of(const msgpack_object *o, double *ret) {
	switch (o->type) {
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		*ret = o->via.f64;
		return true;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		*ret = (double)o->via.u64;
		return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		*ret = (double)o->via.i64;
		return true;
	default:
		return false;
	}
}

bool read_finite(struct fields *f, const msgpack_object *o, const char *name, double *ret) {
	double v;

	if (o == NULL || !number_of(o, &v)) {
		return fail_kind(f, 0, name, o, "a float");
	}
	if (!isfinite(v)) {
		return decode_fail(f->err, f->code, "%s is %f; expected a finite float", name, v);
	}
	*ret = v;
	return true;
}

bool read_text(struct fields *f, const msgpack_object *o, const struct text_field *field,
	struct text *ret) {
	if (o == NULL || o->type != MSGPACK_OBJECT_STR) {
		return fail_kind(f, field->code, field->name, o, "text");
	}

	struct text text = text_of(o->via.str.ptr, o->via.str.size);
	if (text.len < field->min || text.len > field->max) {
		return decode_fail(f->err, code_of(f, field->code),
			"%s has %zu bytes; expected %zu to %zu", field->name, text.len, field->min,
			field->max);
	}
	const char *flaw = text_flaw(text, field->is_name);
	if (flaw != NULL) {
		return decode_fail(f->err, code_of(f, field->code), "%s %s; expected %s",
			field->name, flaw,
			field->is_name ? "UTF-8 without control characters" : "UTF-8 without NUL");
	}
	*ret = text;
	return true;
}

bool read_optional_text(struct fields *f, const msgpack_object *o, const struct text_field *field,
	struct text *ret) {
	*ret = (struct text){0};
	return o == NULL || read_text(f, o, field, ret);
}

bool read_bool(struct fields *f, const msgpack_object *o, const char *name, bool *ret) {
	if (o == NULL || o->type != MSGPACK_OBJECT_BOOLEAN) {
		return fail_kind(f, 0, name, o, "a bool");
	}
	*ret = o->via.boolean;
	return true;
}

bool read_optional_bool(struct fields *f, const msgpack_object *o, const char *name, bool *ret) {
	*ret = false;
	return o == NULL || read_bool(f, o, name, ret);
}

bool read_texts(struct fields *f, const msgpack_object *o, const struct text_field *field,
	uint32_t list_max, bool cut, struct text *ret, uint32_t *ret_count) {
	if (o == NULL || o->type != MSGPACK_OBJECT_ARRAY) {
		return fail_kind(f, field->code, field->name, o, "a list of texts");
	}

	uint32_t count = o->via.array.size;
	if (count > list_max && !cut) {
		return decode_fail(f->err, code_of(f, field->code),
			"%s has %u elements; expected at most %u", field->name, count, list_max);
	}
	*ret_count = count < list_max ? count : list_max;
	for (uint32_t i = 0; i < *ret_count; i++) {
		if (!read_text(f, &o->via.array.ptr[i], field, &ret[i])) {
			return false;
		}
	}
	return true;
}

void *fields_alloc(struct fields *f, size_t size) {
	void *memory = msgpack_zone_malloc(f->zone, size);

	f->no_memory = f->no_memory || memory == NULL;
	return memory;
}

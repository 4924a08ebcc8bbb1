#include "decode_message.h"

#include <string.h>

#include "open_check.h"
#include "open_fields.h"
#include "text.h"

static bool read_id(struct fields *f, const msgpack_object *o, const char *key, uint8_t *ret) {
	if (o->type != MSGPACK_OBJECT_BIN || o->via.bin.size != STREAM_ID_SIZE) {
		return fail_kind(f, 0, key, o, "a bin of 16 bytes");
	}
	memcpy(ret, o->via.bin.ptr, STREAM_ID_SIZE);
	return true;
}

static bool read_thresholds(struct fields *f, const msgpack_object *o,
	const struct open_field *field, double *ret, uint32_t *ret_count) {
	if (o->type != MSGPACK_OBJECT_ARRAY) {
		return fail_kind(f, 0, field->key, o, "a list of floats");
	}
	if (o->via.array.size > field->list_max) {
		return decode_fail(f->err, f->code, "%s has %u elements; expected at most %u",
			field->key, o->via.array.size, field->list_max);
	}
	for (uint32_t i = 0; i < o->via.array.size; i++) {
		if (!read_finite(f, &o->via.array.ptr[i], field->key, &ret[i])) {
			return false;
		}
		if (ret[i] <= 0 || ret[i] > 1) {
			return decode_fail(f->err, f->code,
				"%s holds %g; expected densities above 0 and up to 1", field->key,
				ret[i]);
		}
	}
	*ret_count = o->via.array.size;
	return true;
}

static bool read_float_field(struct fields *f, const msgpack_object *o,
	const struct open_field *field, struct msg_open *m) {
	bool ok = read_finite(f, o, field->key, (double *)((char *)m + field->value));

	if (ok && field->given != 0) {
		*(bool *)((char *)m + field->given) = true;
	}
	return ok;
}

static bool read_id_field(struct fields *f, const msgpack_object *o, const struct open_field *field,
	struct msg_open *m) {
	bool ok = read_id(f, o, field->key, (uint8_t *)m + field->value);

	if (ok && field->given != 0) {
		*(bool *)((char *)m + field->given) = true;
	}
	return ok;
}

static bool read_field(struct fields *f, const msgpack_object *o, const struct open_field *field,
	struct msg_open *m) {
	const struct number_field number = {field->key, field->min, field->max, 0, field->because};
	const struct text_field text = {field->key, field->min, field->max,
		field->kind == OPEN_NAME || field->kind == OPEN_NAMES, 0};
	void *value = (char *)m + field->value;
	void *given = (char *)m + field->given;

	switch (field->kind) {
	case OPEN_ID:
		return read_id_field(f, o, field, m);
	case OPEN_NAME:
	case OPEN_TEXT:
		return read_text(f, o, &text, value);
	case OPEN_U32:
		return read_u32(f, o, &number, value);
	case OPEN_U64:
		return read_uint(f, o, &number, value);
	case OPEN_FLOAT:
		return read_float_field(f, o, field, m);
	case OPEN_BOOL:
		if (field->given != 0) {
			*(bool *)given = true;
		}
		return read_bool(f, o, field->key, value);
	case OPEN_NAMES:
	case OPEN_TEXTS:
		return read_texts(
			f, o, &text, field->list_max, field->kind == OPEN_TEXTS, value, given);
	case OPEN_FLOATS:
		return read_thresholds(f, o, field, value, given);
	}
	return false;
}

static void set_fallbacks(struct msg_open *m) {
	memset(m, 0, sizeof *m);
	for (uint32_t i = 0; i < open_fields_count; i++) {
		if (open_fields[i].kind == OPEN_U32 && open_fields[i].fallback != 0) {
			*(uint32_t *)((char *)m + open_fields[i].value) =
				(uint32_t)open_fields[i].fallback;
		}
	}
}

/* Unknown keys are a later version's; of a key that comes twice the last one counts. */
static bool read_map(
	struct fields *f, const msgpack_object *map, struct msg_open *m, uint64_t *ret_seen) {
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];
		if (kv->key.type != MSGPACK_OBJECT_STR || kv->val.type == MSGPACK_OBJECT_NIL) {
			continue;
		}
		const struct open_field *field =
			open_field_find(text_of(kv->key.via.str.ptr, kv->key.via.str.size));
		if (field == NULL) {
			continue;
		}
		if (!read_field(f, &kv->val, field, m)) {
			return false;
		}
		*ret_seen |= 1ull << (field - open_fields);
	}
	return true;
}

static bool check_required(struct fields *f, uint64_t seen) {
	for (uint32_t i = 0; i < open_fields_count; i++) {
		if (open_fields[i].required && (seen >> i & 1) == 0) {
			return decode_fail(f->err, f->code, "%s is missing; expected in every OPEN",
				open_fields[i].key);
		}
	}
	return true;
}

/* A job on one host alone has no other ranks. */
static void set_global_ranks(struct msg_open *m) {
	if (m->global_world_size == 0 && m->global_rank == 0) {
		m->global_rank = m->rank;
		m->global_world_size = m->world_size;
	}
}

bool decode_open(struct fields *f, struct message *ret) {
	const msgpack_object *map = fields_at(f, 1);
	struct msg_open *m = &ret->open;
	uint64_t seen = 0;

	f->code = REFUSE_BAD_FIELD;
	if (map == NULL || map->type != MSGPACK_OBJECT_MAP) {
		return fail_kind(f, 0, "OPEN's second element", map, "a map");
	}
	set_fallbacks(m);
	if (!read_map(f, map, m, &seen) || !check_required(f, seen)) {
		return false;
	}
	set_global_ranks(m);
	return open_check(m, f->err);
}

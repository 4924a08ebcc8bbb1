#include "frame_json.h"

#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void pack(msgpack_packer *p, const json_t *v);

static double float_of(const json_t *v) {
	const char *word = json_string_value(v);

	if (word == NULL) {
		return json_number_value(v);
	}
	return strcmp(word, "nan") == 0 ? NAN : strcmp(word, "inf") == 0 ? INFINITY : -INFINITY;
}

static void pack_bytes(msgpack_packer *p, const char *kind, const json_t *hex) {
	size_t len;
	uint8_t *bytes = bytes_of_hex(json_string_value(hex), &len);

	if (strcmp(kind, "bin") == 0) {
		msgpack_pack_bin_with_body(p, bytes, len);
	} else {
		msgpack_pack_str_with_body(p, bytes, len);
	}
	free(bytes);
}

static void pack_pairs(msgpack_packer *p, const json_t *pairs) {
	msgpack_pack_map(p, json_array_size(pairs));
	for (size_t i = 0; i < json_array_size(pairs); i++) {
		pack(p, json_array_get(json_array_get(pairs, i), 0));
		pack(p, json_array_get(json_array_get(pairs, i), 1));
	}
}

/* An object of one of the special keys. False: it is a map as it stands. */
static bool pack_special(msgpack_packer *p, const json_t *object) {
	const char *kind = json_object_iter_key(json_object_iter((json_t *)object));
	const json_t *v = json_object_iter_value(json_object_iter((json_t *)object));

	if (json_object_size(object) != 1) {
		return false;
	}
	if (strcmp(kind, "bin") == 0 || strcmp(kind, "text") == 0) {
		pack_bytes(p, kind, v);
	} else if (strcmp(kind, "float") == 0) {
		msgpack_pack_double(p, float_of(v));
	} else if (strcmp(kind, "f32") == 0) {
		msgpack_pack_float(p, (float)json_number_value(v));
	} else if (strcmp(kind, "i64") == 0) {
		msgpack_pack_fix_int64(p, json_integer_value(v));
	} else if (strcmp(kind, "u64") == 0) {
		msgpack_pack_uint64(p, strtoull(json_string_value(v), NULL, 10));
	} else if (strcmp(kind, "map") == 0) {
		pack_pairs(p, v);
	} else {
		return false;
	}
	return true;
}

static void pack_object(msgpack_packer *p, const json_t *object) {
	if (pack_special(p, object)) {
		return;
	}
	msgpack_pack_map(p, json_object_size(object));
	for (void *i = json_object_iter((json_t *)object); i != NULL;
		i = json_object_iter_next((json_t *)object, i)) {
		const char *key = json_object_iter_key(i);
		msgpack_pack_str_with_body(p, key, strlen(key));
		pack(p, json_object_iter_value(i));
	}
}

static void pack(msgpack_packer *p, const json_t *v) {
	switch (json_typeof(v)) {
	case JSON_NULL:
		msgpack_pack_nil(p);
		break;
	case JSON_TRUE:
		msgpack_pack_true(p);
		break;
	case JSON_FALSE:
		msgpack_pack_false(p);
		break;
	case JSON_INTEGER:
		msgpack_pack_int64(p, json_integer_value(v));
		break;
	case JSON_REAL:
		msgpack_pack_double(p, json_real_value(v));
		break;
	case JSON_STRING:
		msgpack_pack_str_with_body(p, json_string_value(v), json_string_length(v));
		break;
	case JSON_ARRAY:
		msgpack_pack_array(p, json_array_size(v));
		for (size_t i = 0; i < json_array_size(v); i++) {
			pack(p, json_array_get(v, i));
		}
		break;
	case JSON_OBJECT:
		pack_object(p, v);
		break;
	}
}

uint8_t *frame_from_json(
	const json_t *header, const uint8_t *payload, size_t payload_len, size_t *ret_len) {
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	pack(&packer, header);

	*ret_len = FRAME_PREFIX_SIZE + buffer.size + payload_len;
	uint8_t *frame = malloc(*ret_len);
	frame_prefix(frame, (uint32_t)buffer.size, (uint32_t)payload_len);
	memcpy(frame + FRAME_PREFIX_SIZE, buffer.data, buffer.size);
	if (payload_len > 0) {
		memcpy(frame + FRAME_PREFIX_SIZE + buffer.size, payload, payload_len);
	}
	msgpack_sbuffer_destroy(&buffer);
	return frame;
}

uint8_t *frame_from_text(
	const char *header, const uint8_t *payload, size_t payload_len, size_t *ret_len) {
	json_error_t error;
	json_t *json = json_loads(header, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

	if (json == NULL) {
		(void)fprintf(stderr, "%s: %s\n", header, error.text);
		abort();
	}
	uint8_t *frame = frame_from_json(json, payload, payload_len, ret_len);
	json_decref(json);
	return frame;
}

uint8_t *bytes_of_hex(const char *hex, size_t *ret_len) {
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = malloc(len + 1);

	for (size_t i = 0; i < len; i++) {
		const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	*ret_len = len;
	return bytes;
}

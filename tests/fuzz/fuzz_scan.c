/* What scan lets pass, msgpack-c parses to the end, and finds as deep and as large as scan measured: with a limit one
 * lower scan refuses it. */
#include "fuzz.h"

#include <msgpack.h>

#include "scan.h"

struct measure {
	uint32_t depth, items, bytes;
};

static uint32_t larger(uint32_t a, uint32_t b) {
	return a > b ? a : b;
}

static void measure_value(const msgpack_object *o, uint32_t depth, struct measure *m) {
	m->items++;
	if (o->type == MSGPACK_OBJECT_STR || o->type == MSGPACK_OBJECT_BIN) {
		m->bytes = larger(m->bytes,
			o->type == MSGPACK_OBJECT_STR ? o->via.str.size : o->via.bin.size);
	} else if (o->type == MSGPACK_OBJECT_ARRAY) {
		m->depth = larger(m->depth, depth + 1);
		for (uint32_t i = 0; i < o->via.array.size; i++) {
			measure_value(&o->via.array.ptr[i], depth + 1, m);
		}
	} else if (o->type == MSGPACK_OBJECT_MAP) {
		m->depth = larger(m->depth, depth + 1);
		for (uint32_t i = 0; i < o->via.map.size; i++) {
			measure_value(&o->via.map.ptr[i].key, depth + 1, m);
			measure_value(&o->via.map.ptr[i].val, depth + 1, m);
		}
	}
}

static enum scan_result scan_within(const uint8_t *data, size_t size, const struct measure *m,
	int depth, int items, int bytes) {
	const struct scan_limits limits = {.depth = m->depth + (uint32_t)depth,
		.items = m->items + (uint32_t)items,
		.bytes = m->bytes + (uint32_t)bytes};

	return scan(data, size, &limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	msgpack_unpacked unpacked;
	struct measure m = {0};
	size_t end = 0;

	if (scan(data, size, &scan_header_limits) != SCAN_OK) {
		return 0;
	}
	msgpack_unpacked_init(&unpacked);
	HOLDS(msgpack_unpack_next(&unpacked, (const char *)data, size, &end) ==
		MSGPACK_UNPACK_SUCCESS);
	HOLDS(end == size);
	measure_value(&unpacked.data, 0, &m);
	msgpack_unpacked_destroy(&unpacked);

	HOLDS(m.depth <= scan_header_limits.depth && m.items <= scan_header_limits.items);
	HOLDS(scan_within(data, size, &m, 0, 0, 0) == SCAN_OK);
	HOLDS(m.depth == 0 || scan_within(data, size, &m, -1, 0, 0) == SCAN_TOO_DEEP);
	HOLDS(m.items == 1 || scan_within(data, size, &m, 0, -1, 0) == SCAN_TOO_MANY);
	HOLDS(m.bytes == 0 || scan_within(data, size, &m, 0, 0, -1) == SCAN_TOO_LONG);
	return 0;
}

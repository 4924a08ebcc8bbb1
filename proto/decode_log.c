#include "decode_message.h"

#include <math.h>

static bool read_numbers(struct fields *f, const msgpack_object *list, double *ret) {
	for (uint32_t i = 0; i < list->via.array.size; i++) {
		if (!number_of(&list->via.array.ptr[i], &ret[i]) || !isfinite(ret[i])) {
			return decode_fail(f->err, ERROR_BAD_VALUE,
				"a histogram holds something else than finite numbers");
		}
	}
	return true;
}

static bool read_histogram(struct fields *f, const msgpack_object *o, struct histogram_view *ret) {
	const msgpack_object *lists = o->via.array.ptr;

	if (o->via.array.size < 2 || lists[0].type != MSGPACK_OBJECT_ARRAY ||
		lists[1].type != MSGPACK_OBJECT_ARRAY) {
		return decode_fail(f->err, ERROR_BAD_VALUE,
			"a value is a list; expected a histogram: a list of counts and a list of "
			"edges");
	}

	uint32_t n_bins = lists[0].via.array.size, n_edges = lists[1].via.array.size;
	if (n_bins == 0 || n_bins > HISTOGRAM_BINS_MAX || n_edges != n_bins + 1) {
		return decode_fail(f->err, ERROR_BAD_VALUE,
			"a histogram has %u counts and %u edges; expected 1 to %u and one more",
			n_bins, n_edges, HISTOGRAM_BINS_MAX);
	}
	double *counts = fields_alloc(f, sizeof *counts * (n_bins + n_edges));
	if (counts == NULL) {
		return false;
	}
	*ret = (struct histogram_view){
		.n_bins = n_bins, .counts = counts, .edges = counts + n_bins};
	return read_numbers(f, &lists[0], counts) && read_numbers(f, &lists[1], counts + n_bins);
}

static bool read_value(struct fields *f, const msgpack_object *o, struct value *ret) {
	static const struct text_field text = {
		"a value", 0, TEXT_MAX_BYTES, false, ERROR_BAD_VALUE};

	switch (o->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		*ret = (struct value){.kind = VALUE_INT, .integer = o->via.boolean ? 1 : 0};
		return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		*ret = (struct value){.kind = VALUE_INT, .integer = o->via.i64};
		return true;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		if (o->via.u64 > INT64_MAX) {
			*ret = (struct value){.kind = VALUE_FLOAT, .number = (double)o->via.u64};
		} else {
			*ret = (struct value){.kind = VALUE_INT, .integer = (int64_t)o->via.u64};
		}
		return true;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		*ret = (struct value){.kind = VALUE_FLOAT, .number = o->via.f64};
		return true;
	case MSGPACK_OBJECT_STR:
		ret->kind = VALUE_TEXT;
		return read_text(f, o, &text, &ret->text);
	case MSGPACK_OBJECT_ARRAY:
		ret->kind = VALUE_HISTOGRAM;
		return read_histogram(f, o, &ret->histogram);
	default:
		return fail_kind(f, ERROR_BAD_VALUE, "a value", o,
			"a number, a text, a bool or a histogram");
	}
}

static bool read_entry(struct fields *f, const msgpack_object *o, struct log_entry *ret) {
	static const struct text_field key = {"a key", 1, KEY_MAX_BYTES, true, ERROR_BAD_VALUE};

	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < 2) {
		return fail_kind(f, ERROR_BAD_VALUE, "an entry", o, "a list of key and value");
	}
	return read_text(f, &o->via.array.ptr[0], &key, &ret->key) &&
	       read_value(f, &o->via.array.ptr[1], &ret->value);
}

static bool read_entries(struct fields *f, const msgpack_object *o, struct msg_log *m) {
	if (o == NULL || o->type != MSGPACK_OBJECT_ARRAY) {
		return fail_kind(f, ERROR_BAD_VALUE, "entries", o, "a list of entries");
	}
	m->n_entries = o->via.array.size;
	if (m->n_entries == 0 || m->n_entries > LOG_ENTRIES_MAX) {
		return decode_fail(f->err, ERROR_BAD_VALUE, "LOG has %u entries; expected 1 to %u",
			m->n_entries, LOG_ENTRIES_MAX);
	}

	struct log_entry *entries = fields_alloc(f, sizeof *entries * m->n_entries);
	if (entries == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < m->n_entries; i++) {
		if (!read_entry(f, &o->via.array.ptr[i], &entries[i])) {
			return false;
		}
	}
	m->entries = entries;
	return true;
}

bool decode_log(struct fields *f, struct message *ret) {
	struct msg_log *m = &ret->log;

	m->seq = f->err->seq;
	m->lap = 0;
	return read_optional_step(f, fields_at(f, 2), &m->has_step, &m->step) &&
	       read_finite(f, fields_at(f, 3), "time", &m->time) &&
	       read_finite(f, fields_at(f, 4), "elapsed_s", &m->elapsed_s) &&
	       read_entries(f, fields_at(f, 5), m) &&
	       (fields_at(f, 6) == NULL || read_lap(f, fields_at(f, 6), &m->lap));
}

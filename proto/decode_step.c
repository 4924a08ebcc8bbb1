#include "decode_message.h"

#include <string.h>

#include "counts.h"

static bool read_scalars(struct fields *f, const msgpack_object *list, struct msg_step *m) {
	if (list == NULL || list->type != MSGPACK_OBJECT_ARRAY) {
		return fail_kind(f, ERROR_BAD_VALUE, "scalars", list, "a list of floats and nils");
	}
	m->n_scalars = list->via.array.size;
	if (m->n_scalars > SCALARS_MAX) {
		return decode_fail(f->err, ERROR_BAD_VALUE,
			"scalars has %u elements; expected at most %u", m->n_scalars, SCALARS_MAX);
	}
	memset(m->present, 0, sizeof m->present);
	for (uint32_t i = 0; i < m->n_scalars; i++) {
		const msgpack_object *o = &list->via.array.ptr[i];
		if (number_of(o, &m->scalars[i])) {
			m->present[i / 64] |= 1ull << (i % 64);
		} else if (o->type == MSGPACK_OBJECT_NIL) {
			m->scalars[i] = 0;
		} else {
			return fail_kind(f, ERROR_BAD_VALUE, "a scalar", o, "a float or nil");
		}
	}
	return true;
}

/* One vector of the payload: its form, its length, and where it lies. */
static bool read_counts(struct fields *f, uint32_t i, size_t *offset, struct counts *ret) {
	static const struct number_field form = {
		"form", COUNTS_NONE, COUNTS_PAIRS32, ERROR_BAD_COUNTS, NULL};
	static const struct number_field n_entries = {
		"n_entries", 0, D_SAE_MAX, ERROR_BAD_COUNTS, NULL};
	uint32_t number = COUNTS_NONE;

	*ret = (struct counts){.form = COUNTS_NONE};
	if (!read_optional_u32(f, fields_at(f, i), &form, &number)) {
		return false;
	}
	if (number == COUNTS_NONE) {
		return true;
	}
	ret->form = number;
	if (!read_u32(f, fields_at(f, i + 1), &n_entries, &ret->n_entries)) {
		return false;
	}
	ret->len = counts_size(ret->form, ret->n_entries, ret->n_entries);
	ret->data = f->frame->payload + *offset;
	*offset += ret->len;
	return *offset <= f->frame->payload_len ||
	       decode_fail(f->err, ERROR_BAD_COUNTS,
		       "the payload has %u bytes; expected %zu of counts", f->frame->payload_len,
		       *offset);
}

static bool read_all_counts(struct fields *f, struct msg_step *m) {
	size_t offset = 0;

	if (!read_counts(f, 8, &offset, &m->nonzero) ||
		!read_counts(f, 10, &offset, &m->positive)) {
		return false;
	}
	if (offset != f->frame->payload_len) {
		return decode_fail(f->err, ERROR_BAD_COUNTS,
			"the payload has %u bytes; expected %zu of counts", f->frame->payload_len,
			offset);
	}
	return m->positive.form == COUNTS_NONE || m->nonzero.form != COUNTS_NONE ||
	       decode_fail(f->err, ERROR_BAD_COUNTS,
		       "positive counts are given; expected the nonzero ones beside them");
}

bool decode_step(struct fields *f, struct message *ret) {
	static const struct number_field n_rows = {"n_rows", 1, UINT32_MAX, ERROR_BAD_COUNTS, NULL};
	struct msg_step *m = &ret->step;

	m->seq = f->err->seq;
	return read_lap(f, fields_at(f, 2), &m->lap) && read_step(f, fields_at(f, 3), &m->step) &&
	       read_finite(f, fields_at(f, 4), "time", &m->time) &&
	       read_finite(f, fields_at(f, 5), "elapsed_s", &m->elapsed_s) &&
	       read_u32(f, fields_at(f, 6), &n_rows, &m->n_rows) &&
	       read_scalars(f, fields_at(f, 7), m) && read_all_counts(f, m);
}

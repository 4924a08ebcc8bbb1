#include "decode.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "decode_message.h"
#include "token.h"

struct decoder {
	msgpack_zone arena;
};

#define ARENA_CHUNK_SIZE 16384u /* an OPEN or a STEP of many scalars without a second chunk */

struct decoder *decoder_create(void) {
	struct decoder *d = malloc(sizeof *d);

	if (d != NULL && !msgpack_zone_init(&d->arena, ARENA_CHUNK_SIZE)) {
		free(d);
		d = NULL;
	}
	return d;
}

void decoder_destroy(struct decoder *d) {
	if (d != NULL) {
		msgpack_zone_destroy(&d->arena);
		free(d);
	}
}

static bool read_time(struct fields *f, uint32_t i, double *ret) {
	return read_finite(f, fields_at(f, i), "time", ret);
}

static bool decode_hello(struct fields *f, struct message *ret) {
	static const struct number_field version_min = {"version_min", 1, UINT32_MAX, 0, NULL};
	static const struct number_field role = {"role", ROLE_TRAINER, ROLE_READER, 0, NULL};
	static const struct number_field pid = {"pid", 0, UINT32_MAX, 0, NULL};
	static const struct text_field agent = {"agent", 0, FIELD_MAX_BYTES, true, 0};
	static const struct text_field host = {"host", 0, FIELD_MAX_BYTES, true, 0};
	struct msg_hello *m = &ret->hello;
	const msgpack_object *map = fields_at(f, 4);
	uint32_t peer_role = 0;

	m->pid = 0;
	if (!read_u32(f, fields_at(f, 1), &version_min, &m->version_min)) {
		return false;
	}
	const struct number_field version_max = {
		"version_max", m->version_min, UINT32_MAX, 0, NULL};
	if (!read_u32(f, fields_at(f, 2), &version_max, &m->version_max) ||
		!read_u32(f, fields_at(f, 3), &role, &peer_role)) {
		return false;
	}
	m->role = peer_role;
	return check_map(f, map) &&
	       read_optional_text(f, map_at(map, "agent"), &agent, &m->agent) &&
	       read_optional_u32(f, map_at(map, "pid"), &pid, &m->pid) &&
	       read_optional_text(f, map_at(map, "host"), &host, &m->host);
}

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

	if (!read_counts(f, 7, &offset, &m->nonzero) || !read_counts(f, 9, &offset, &m->positive)) {
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

static bool decode_step(struct fields *f, struct message *ret) {
	static const struct number_field n_rows = {"n_rows", 1, UINT32_MAX, ERROR_BAD_COUNTS, NULL};
	struct msg_step *m = &ret->step;

	m->seq = f->err->seq;
	return read_step(f, fields_at(f, 2), &m->step) && read_time(f, 3, &m->time) &&
	       read_finite(f, fields_at(f, 4), "elapsed_s", &m->elapsed_s) &&
	       read_u32(f, fields_at(f, 5), &n_rows, &m->n_rows) &&
	       read_scalars(f, fields_at(f, 6), m) && read_all_counts(f, m);
}

static bool decode_event(struct fields *f, struct message *ret) {
	static const struct text_field kind = {"kind", 1, EVENT_KIND_MAX, true, 0};
	static const struct text_field text = {"text", 0, FIELD_MAX_BYTES, false, 0};
	struct msg_event *m = &ret->event;

	m->seq = f->err->seq;
	return read_optional_step(f, fields_at(f, 2), &m->has_step, &m->step) &&
	       read_time(f, 3, &m->time) && read_text(f, fields_at(f, 4), &kind, &m->kind) &&
	       read_optional_text(f, fields_at(f, 5), &text, &m->text);
}

static bool decode_mark(struct fields *f, struct message *ret) {
	static const struct text_field text = {"text", 0, FIELD_MAX_BYTES, false, 0};
	struct msg_mark *m = &ret->mark;

	m->seq = f->err->seq;
	return read_step(f, fields_at(f, 2), &m->step) && read_time(f, 3, &m->time) &&
	       read_optional_text(f, fields_at(f, 4), &text, &m->text);
}

static bool decode_restore(struct fields *f, struct message *ret) {
	struct msg_restore *m = &ret->restore;

	m->seq = f->err->seq;
	m->state = f->frame->payload;
	m->state_len = f->frame->payload_len;
	return read_step(f, fields_at(f, 2), &m->step) && read_time(f, 3, &m->time);
}

static bool read_tags(struct fields *f, const msgpack_object *o, struct msg_update *m) {
	static const struct text_field tag = {"tags", 1, KEY_MAX_BYTES, true, 0};

	m->has_tags = o != NULL;
	m->tags.count = 0;
	return o == NULL || read_texts(f, o, &tag, LIST_MAX, false, m->tags.items, &m->tags.count);
}

static bool decode_update(struct fields *f, struct message *ret) {
	static const struct text_field name = {"name", 0, FIELD_MAX_BYTES, true, 0};
	static const struct text_field notes = {"notes", 0, TEXT_MAX_BYTES, false, 0};
	static const struct text_field config = {"config", 0, HEADER_BYTES_MAX, false, 0};
	static const struct text_field summary = {"summary", 0, HEADER_BYTES_MAX, false, 0};
	struct msg_update *m = &ret->update;
	const msgpack_object *map = fields_at(f, 2);

	m->seq = f->err->seq;
	return check_map(f, map) && read_optional_text(f, map_at(map, "name"), &name, &m->name) &&
	       read_optional_text(f, map_at(map, "notes"), &notes, &m->notes) &&
	       read_tags(f, map_at(map, "tags"), m) &&
	       read_optional_text(f, map_at(map, "config"), &config, &m->config) &&
	       read_optional_text(f, map_at(map, "summary"), &summary, &m->summary);
}

static bool decode_dropped(struct fields *f, struct message *ret) {
	struct msg_dropped *m = &ret->dropped;
	bool has_first, has_last;

	m->seq = f->err->seq;
	const struct number_field count = {"count", 1, SEQ_MAX - m->seq + 1, 0, NULL};
	if (!read_uint(f, fields_at(f, 2), &count, &m->count)) {
		return false;
	}
	const struct number_field n_steps = {"n_steps", 0, m->count, 0, NULL};
	if (!read_uint(f, fields_at(f, 3), &n_steps, &m->n_steps) ||
		!read_optional_step(f, fields_at(f, 4), &has_first, &m->step_first) ||
		!read_optional_step(f, fields_at(f, 5), &has_last, &m->step_last)) {
		return false;
	}
	m->has_steps = has_first;
	return (has_first == has_last && has_first == (m->n_steps > 0) &&
		       m->step_first <= m->step_last) ||
	       decode_fail(f->err, f->code,
		       "step_first and step_last do not fit n_steps or each other");
}

static bool decode_flush(struct fields *f, struct message *ret) {
	static const struct number_field through_seq = {"through_seq", 0, SEQ_MAX, 0, NULL};

	return read_uint(f, fields_at(f, 1), &through_seq, &ret->flush.through_seq);
}

static bool read_exit_code(struct fields *f, const msgpack_object *o, int32_t *ret) {
	if (o != NULL && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT32_MAX) {
		*ret = (int32_t)o->via.u64;
		return true;
	}
	if (o != NULL && o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && o->via.i64 >= INT32_MIN) {
		*ret = (int32_t)o->via.i64;
		return true;
	}
	return fail_kind(f, 0, "exit_code", o, "an integer of 32 bits");
}

static bool decode_finish(struct fields *f, struct message *ret) {
	static const char *const states[] = {"finished", "failed", "preempted", "stopped", NULL};
	static const struct text_field state = {"state", 0, NAME_MAX_BYTES, true, 0};
	struct msg_finish *m = &ret->finish;

	m->seq = f->err->seq;
	return read_exit_code(f, fields_at(f, 2), &m->exit_code) &&
	       read_optional_text(f, fields_at(f, 3), &state, &m->state) &&
	       check_choice(
		       f, "state", m->state, states, "finished, failed, preempted or stopped") &&
	       read_time(f, 4, &m->time);
}

static bool decode_snapshot(struct fields *f, struct message *ret) {
	static const struct number_field token = {"token", 0, UINT64_MAX, 0, NULL};
	static const struct number_field through_seq = {"through_seq", 0, SEQ_MAX, 0, NULL};

	return read_uint(f, fields_at(f, 1), &token, &ret->snapshot.token) &&
	       read_uint(f, fields_at(f, 2), &through_seq, &ret->snapshot.through_seq);
}

static bool decode_query(struct fields *f, struct message *ret) {
	static const struct number_field token = {"token", 0, UINT64_MAX, 0, NULL};
	static const struct text_field what = {"what", 1, QUERY_WHAT_MAX, true, 0};
	static const struct text_field run = {"run", 0, FIELD_MAX_BYTES, true, 0};
	struct msg_query *m = &ret->query;
	const msgpack_object *map = fields_at(f, 3);

	return read_uint(f, fields_at(f, 1), &token, &m->token) &&
	       read_text(f, fields_at(f, 2), &what, &m->what) && check_map(f, map) &&
	       read_optional_text(f, map_at(map, "run"), &run, &m->run);
}

static bool (*const readers[])(struct fields *f, struct message *ret) = {
	[MSG_HELLO] = decode_hello,
	[MSG_OPEN] = decode_open,
	[MSG_STEP] = decode_step,
	[MSG_LOG] = decode_log,
	[MSG_EVENT] = decode_event,
	[MSG_MARK] = decode_mark,
	[MSG_RESTORE] = decode_restore,
	[MSG_UPDATE] = decode_update,
	[MSG_DROPPED] = decode_dropped,
	[MSG_FLUSH] = decode_flush,
	[MSG_FINISH] = decode_finish,
	[MSG_SNAPSHOT] = decode_snapshot,
	[MSG_QUERY] = decode_query,
};

/* What can be told of a frame from its first bytes alone, however broken the rest is. */
struct peek {
	bool is_message, has_seq;
	uint64_t type, seq;
};

static struct peek peek_at(const struct frame_view *frame) {
	const uint8_t *end = frame->header + frame->header_len;
	struct token root, type, seq;
	struct peek p = {0};

	if (token_read(frame->header, end, &root) != SCAN_OK || root.kind != TOKEN_ARRAY ||
		root.count < 1 || token_read(root.data, end, &type) != SCAN_OK ||
		type.kind != TOKEN_UINT) {
		return p;
	}
	p.is_message = true;
	p.type = type.natural;
	if (message_has_seq(p.type) && root.count >= 2 &&
		token_read(type.data, end, &seq) == SCAN_OK && seq.kind == TOKEN_UINT &&
		seq.natural >= 1 && seq.natural <= SEQ_MAX) {
		p.has_seq = true;
		p.seq = seq.natural;
	}
	return p;
}

static bool build(struct decoder *d, struct fields *f, const struct frame_view *frame) {
	msgpack_object root;
	size_t offset = 0;

	msgpack_zone_clear(&d->arena);
	int status = msgpack_unpack(
		(const char *)frame->header, frame->header_len, &offset, &d->arena, &root);
	if (status == MSGPACK_UNPACK_NOMEM_ERROR) {
		f->no_memory = true;
		return false;
	}
	if (status != MSGPACK_UNPACK_SUCCESS || root.type != MSGPACK_OBJECT_ARRAY) {
		return decode_fail(f->err, f->code, "the header is not a msgpack array");
	}
	f->items = root.via.array.ptr;
	f->count = root.via.array.size;
	return true;
}

static bool scan_frame(struct fields *f, const struct frame_view *frame) {
	enum scan_result result = scan(frame->header, frame->header_len, &scan_header_limits);

	return result == SCAN_OK ||
	       decode_fail(f->err, f->code, "the header is %s", scan_words(result));
}

static bool check_payload(struct fields *f, const struct frame_view *frame) {
	return frame->payload_len == 0 || message_has_payload(f->err->type) ||
	       decode_fail(f->err, f->code, "%s carries no payload", message_name(f->err->type));
}

enum decode_result decode(struct decoder *d, const struct frame_view *frame, struct message *ret,
	struct decode_error *err) {
	struct peek p = peek_at(frame);

	if (p.is_message && message_is_daemons(p.type)) {
		return answer_read(frame, ret, err);
	}
	decode_error_clear(err);
	if (!p.is_message || p.type >= sizeof readers / sizeof readers[0] ||
		readers[p.type] == NULL) {
		(void)decode_fail(err, REFUSE_MALFORMED,
			"the header does not begin with the type of a message");
		return DECODE_MALFORMED;
	}
	err->type = (enum message_type)p.type;
	if (message_has_seq(p.type) && !p.has_seq) {
		(void)decode_fail(err, REFUSE_MALFORMED, "seq of %s is not a number from 1",
			message_name(p.type));
		return DECODE_MALFORMED;
	}
	err->has_seq = p.has_seq;
	err->seq = p.seq;

	struct fields f = {.frame = frame,
		.zone = &d->arena,
		.err = err,
		.code = p.has_seq ? ERROR_BAD_MESSAGE : REFUSE_MALFORMED};
	if (scan_frame(&f, frame) && check_payload(&f, frame) && build(d, &f, frame) &&
		readers[p.type](&f, ret)) {
		ret->type = err->type;
		return DECODE_OK;
	}
	if (f.no_memory) {
		return DECODE_NO_MEMORY;
	}
	/* How many seqs it stood for is not known, so none can be consumed. */
	if (err->type == MSG_DROPPED) {
		err->has_seq = false;
		err->code = REFUSE_MALFORMED;
		return DECODE_MALFORMED;
	}
	return DECODE_BAD_FIELD;
}

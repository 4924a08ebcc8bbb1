#include "decode.h"

#include <stdlib.h>

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

static bool decode_flush(struct fields *f, struct message *ret) {
	static const struct number_field through_seq = {"through_seq", 0, SEQ_MAX, 0, NULL};

	return read_uint(f, fields_at(f, 1), &through_seq, &ret->flush.through_seq);
}

static bool decode_snapshot(struct fields *f, struct message *ret) {
	static const struct number_field token = {"token", 0, UINT64_MAX, 0, NULL};
	static const struct number_field through_seq = {"through_seq", 0, SEQ_MAX, 0, NULL};

	return read_uint(f, fields_at(f, 1), &token, &ret->snapshot.token) &&
	       read_uint(f, fields_at(f, 2), &through_seq, &ret->snapshot.through_seq);
}

static bool read_at_tokens(struct fields *f, const msgpack_object *o, struct msg_query *m) {
	static const struct number_field at_tokens = {"at_tokens", 0, SEQ_MAX, 0, NULL};

	m->has_at_tokens = o != NULL;
	return o == NULL || read_uint(f, o, &at_tokens, &m->at_tokens);
}

static bool read_at_time(struct fields *f, const msgpack_object *o, struct msg_query *m) {
	m->has_at_time = o != NULL;
	return o == NULL || read_finite(f, o, "at_time", &m->at_time);
}

static bool read_tag_list(
	struct fields *f, const msgpack_object *o, const char *name, struct text_list *ret) {
	const struct text_field tag = {name, 1, KEY_MAX_BYTES, true, 0};

	ret->count = 0;
	return o == NULL || read_texts(f, o, &tag, LIST_MAX, false, ret->items, &ret->count);
}

static bool decode_query(struct fields *f, struct message *ret) {
	static const struct number_field token = {"token", 0, UINT64_MAX, 0, NULL};
	static const struct text_field what = {"what", 1, QUERY_WHAT_MAX, true, 0};
	static const struct text_field run = {"run", 0, FIELD_MAX_BYTES, true, 0};
	static const struct text_field reason = {"reason", 0, QUERY_REASON_MAX, true, 0};
	static const struct text_field wandb_key = {"wandb_key", 1, FIELD_MAX_BYTES, true, 0};
	static const struct text_field base_url = {"wandb_base_url", 1, FIELD_MAX_BYTES, true, 0};
	static const struct text_field table = {"table", 0, QUERY_WHAT_MAX, true, 0};
	static const struct text_field after = {"after", 0, QUERY_AFTER_MAX, true, 0};
	static const struct text_field name = {"name", 1, FIELD_MAX_BYTES, true, 0};
	static const struct text_field kind = {"kind", 1, EVENT_KIND_MAX, true, 0};
	static const struct number_field points = {"points", 1, QUERY_POINTS_MAX, 0, NULL};
	static const struct text_field sql = {"sql", 0, QUERY_SQL_MAX, false, 0};
	static const struct number_field timeout_ms = {"timeout_ms", 0, UINT32_MAX, 0, NULL};
	struct msg_query *m = &ret->query;
	const msgpack_object *map = fields_at(f, 3);

	m->points = m->timeout_ms = 0;

	return read_uint(f, fields_at(f, 1), &token, &m->token) &&
	       read_text(f, fields_at(f, 2), &what, &m->what) && check_map(f, map) &&
	       read_optional_text(f, map_at(map, "run"), &run, &m->run) &&
	       read_optional_text(f, map_at(map, "reason"), &reason, &m->reason) &&
	       read_optional_text(f, map_at(map, "wandb_key"), &wandb_key, &m->wandb_key) &&
	       read_optional_text(
		       f, map_at(map, "wandb_base_url"), &base_url, &m->wandb_base_url) &&
	       read_optional_text(f, map_at(map, "table"), &table, &m->table) &&
	       read_optional_text(f, map_at(map, "after"), &after, &m->after) &&
	       read_optional_text(f, map_at(map, "sql"), &sql, &m->sql) &&
	       read_optional_u32(f, map_at(map, "timeout_ms"), &timeout_ms, &m->timeout_ms) &&
	       read_optional_bool(f, map_at(map, "take_over"), "take_over", &m->take_over) &&
	       read_at_tokens(f, map_at(map, "at_tokens"), m) &&
	       read_at_time(f, map_at(map, "at_time"), m) &&
	       read_optional_bool(f, map_at(map, "trajectory"), "trajectory", &m->trajectory) &&
	       read_optional_bool(
		       f, map_at(map, "without_config"), "without_config", &m->without_config) &&
	       read_optional_text(f, map_at(map, "name"), &name, &m->name) &&
	       read_tag_list(f, map_at(map, "add"), "add", &m->add) &&
	       read_tag_list(f, map_at(map, "remove"), "remove", &m->take) &&
	       read_optional_text(f, map_at(map, "kind"), &kind, &m->kind) &&
	       read_optional_bool(f, map_at(map, "force"), "force", &m->force) &&
	       read_optional_bool(f, map_at(map, "dry_run"), "dry_run", &m->dry_run) &&
	       read_optional_bool(f, map_at(map, "undo"), "undo", &m->undo) &&
	       read_optional_u32(f, map_at(map, "points"), &points, &m->points);
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

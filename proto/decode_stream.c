/* The messages of the stream that are a few fields each. */
#include "decode_message.h"

bool decode_event(struct fields *f, struct message *ret) {
	static const struct text_field kind = {"kind", 1, EVENT_KIND_MAX, true, 0};
	static const struct text_field text = {"text", 0, FIELD_MAX_BYTES, false, 0};
	struct msg_event *m = &ret->event;

	m->seq = f->err->seq;
	return read_optional_step(f, fields_at(f, 2), &m->has_step, &m->step) &&
	       read_finite(f, fields_at(f, 3), "time", &m->time) &&
	       read_text(f, fields_at(f, 4), &kind, &m->kind) &&
	       read_optional_text(f, fields_at(f, 5), &text, &m->text);
}

bool decode_mark(struct fields *f, struct message *ret) {
	static const struct text_field text = {"text", 0, FIELD_MAX_BYTES, false, 0};
	struct msg_mark *m = &ret->mark;

	m->seq = f->err->seq;
	return read_step(f, fields_at(f, 2), &m->step) &&
	       read_finite(f, fields_at(f, 3), "time", &m->time) &&
	       read_optional_text(f, fields_at(f, 4), &text, &m->text);
}

bool decode_restore(struct fields *f, struct message *ret) {
	struct msg_restore *m = &ret->restore;

	m->seq = f->err->seq;
	m->state = f->frame->payload;
	m->state_len = f->frame->payload_len;
	return read_lap(f, fields_at(f, 2), &m->lap) && read_step(f, fields_at(f, 3), &m->step) &&
	       read_finite(f, fields_at(f, 4), "time", &m->time);
}

static bool read_tags(struct fields *f, const msgpack_object *o, struct msg_update *m) {
	static const struct text_field tag = {"tags", 1, KEY_MAX_BYTES, true, 0};

	m->has_tags = o != NULL;
	m->tags.count = 0;
	return o == NULL || read_texts(f, o, &tag, LIST_MAX, false, m->tags.items, &m->tags.count);
}

bool decode_update(struct fields *f, struct message *ret) {
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

bool decode_dropped(struct fields *f, struct message *ret) {
	struct msg_dropped *m = &ret->dropped;

	m->seq = f->err->seq;
	m->lap = 0;
	const struct number_field count = {"count", 1, SEQ_MAX - m->seq + 1, 0, NULL};
	if (!read_uint(f, fields_at(f, 2), &count, &m->count) ||
		!read_optional_step(f, fields_at(f, 4), &m->has_step, &m->step)) {
		return false;
	}
	bool has_lap = fields_at(f, 3) != NULL;
	if (has_lap != m->has_step) {
		return decode_fail(f->err, f->code, "lap and step are given only together");
	}
	return !has_lap || read_lap(f, fields_at(f, 3), &m->lap);
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

bool decode_finish(struct fields *f, struct message *ret) {
	static const char *const states[] = {"finished", "failed", "preempted", "stopped", NULL};
	static const struct text_field state = {"state", 0, NAME_MAX_BYTES, true, 0};
	static const struct text_field words = {"words", 0, FIELD_MAX_BYTES, false, 0};
	struct msg_finish *m = &ret->finish;

	m->seq = f->err->seq;
	return read_exit_code(f, fields_at(f, 2), &m->exit_code) &&
	       read_optional_text(f, fields_at(f, 3), &state, &m->state) &&
	       decode_choice(f->err, f->code, "state", m->state, states,
		       "finished, failed, preempted or stopped") &&
	       read_finite(f, fields_at(f, 4), "time", &m->time) &&
	       read_optional_text(f, fields_at(f, 5), &words, &m->words);
}

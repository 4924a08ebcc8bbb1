/* The messages the daemon sends are flat: at most five elements, one of which may be a map.
 * Their heads are laid out in a row first, and read by position after. */
#include "answer.h"

#include <string.h>

#include "text.h"
#include "token.h"

#define ELEMENTS_MAX 5u /* later versions may append more: not looked at */

struct answer {
	const uint8_t *end;
	struct token elements[ELEMENTS_MAX]; /* what is missing is nil */
	const struct frame_view *frame;
	struct decode_error *err;
};

static bool fail(const struct answer *a, const char *name, const char *expected) {
	(void)decode_fail(a->err, REFUSE_MALFORMED, "%s: %s is not %s", message_name(a->err->type),
		name, expected);
	return false;
}

static bool read_uint(const struct answer *a, const struct token *t, const char *name, uint64_t max,
	uint64_t *ret) {
	if (t->kind != TOKEN_UINT || t->natural > max) {
		return fail(a, name, "a number in its range");
	}
	*ret = t->natural;
	return true;
}

static bool read_u32(const struct answer *a, const struct token *t, const char *name, uint32_t max,
	uint32_t *ret) {
	uint64_t v = 0;

	if (!read_uint(a, t, name, max, &v)) {
		return false;
	}
	*ret = (uint32_t)v;
	return true;
}

static bool read_text(const struct answer *a, const struct token *t, const char *name, bool is_name,
	struct text *ret) {
	*ret = (struct text){0};
	if (t->kind == TOKEN_NIL) {
		return true;
	}
	if (t->kind != TOKEN_TEXT || t->count > FIELD_MAX_BYTES) {
		return fail(a, name, "a text of at most 4096 bytes");
	}

	struct text text = text_of((const char *)t->data, t->count);
	if (text_flaw(text, is_name) != NULL) {
		return fail(a, name, "clean UTF-8");
	}
	*ret = text;
	return true;
}

static bool read_optional_u32(const struct answer *a, const struct token *t, const char *name,
	uint32_t max, bool *ret_given, uint32_t *ret) {
	*ret_given = t->kind != TOKEN_NIL;
	*ret = 0;
	return !*ret_given || read_u32(a, t, name, max, ret);
}

static bool read_optional_uint(const struct answer *a, const struct token *t, const char *name,
	uint64_t max, bool *ret_given, uint64_t *ret) {
	*ret_given = t->kind != TOKEN_NIL;
	*ret = 0;
	return !*ret_given || read_uint(a, t, name, max, ret);
}

/* The value of a key of a map; nil when it is not there. */
static struct token map_get(const struct answer *a, const struct token *map, const char *key) {
	struct token value = {.kind = TOKEN_NIL};

	if (map->kind != TOKEN_MAP) {
		return value;
	}
	const uint8_t *p = map->data;
	for (uint32_t i = 0; i < map->count; i++) {
		struct token k, v;
		(void)token_read(p, a->end, &k);
		(void)token_read(token_end(&k, a->end), a->end, &v);
		p = token_end(&v, a->end);
		if (k.kind == TOKEN_TEXT && text_is(text_of((const char *)k.data, k.count), key)) {
			value = v;
		}
	}
	return value;
}

static bool read_welcome(const struct answer *a, struct message *ret) {
	struct msg_welcome *m = &ret->welcome;
	const struct token *map = &a->elements[2];
	struct token daemon = map_get(a, map, "daemon");
	struct token db_id = map_get(a, map, "db_id");
	struct token header_len_max = map_get(a, map, "header_len_max");
	struct token d_sae_max = map_get(a, map, "d_sae_max");

	if (db_id.kind != TOKEN_BIN || db_id.count != sizeof m->db_id) {
		return fail(a, "db_id", "16 bytes");
	}
	memcpy(m->db_id, db_id.data, sizeof m->db_id);
	return read_u32(a, &a->elements[1], "version", UINT32_MAX, &m->version) &&
	       read_text(a, &daemon, "daemon", true, &m->daemon) &&
	       read_u32(a, &header_len_max, "header_len_max", UINT32_MAX, &m->header_len_max) &&
	       read_u32(a, &d_sae_max, "d_sae_max", UINT32_MAX, &m->d_sae_max);
}

static bool read_refusal(const struct answer *a, struct message *ret) {
	struct msg_refusal *m = &ret->refusal;
	uint32_t code;

	if (!read_u32(a, &a->elements[1], "code", UINT32_MAX, &code)) {
		return false;
	}
	m->code = code;
	return read_optional_uint(
		       a, &a->elements[2], "limit", UINT64_MAX, &m->has_limit, &m->limit) &&
	       read_optional_u32(a, &a->elements[3], "retry_after_ms", UINT32_MAX, &m->has_retry,
		       &m->retry_after_ms) &&
	       read_text(a, &a->elements[4], "words", false, &m->words);
}

static bool read_opened(const struct answer *a, struct message *ret) {
	struct msg_opened *m = &ret->opened;
	const struct token *map = &a->elements[4];
	struct token attempt = map_get(a, map, "attempt");
	struct token resumed = map_get(a, map, "resumed");
	struct token outbox_bytes = map_get(a, map, "outbox_bytes");
	struct token name = map_get(a, map, "name");

	if (resumed.kind != TOKEN_BOOL) {
		return fail(a, "resumed", "a bool");
	}
	m->resumed = resumed.truth;
	return read_uint(a, &a->elements[1], "durable", SEQ_MAX, &m->durable) &&
	       read_uint(a, &a->elements[2], "wanted", SEQ_MAX + 1, &m->wanted) &&
	       read_optional_u32(a, &a->elements[3], "last_step", STEP_MAX, &m->has_last_step,
		       &m->last_step) &&
	       read_u32(a, &attempt, "attempt", UINT32_MAX, &m->attempt) &&
	       read_uint(a, &outbox_bytes, "outbox_bytes", UINT64_MAX, &m->outbox_bytes) &&
	       read_text(a, &name, "name", true, &m->name);
}

static bool read_state(const struct answer *a, struct message *ret) {
	struct msg_state *m = &ret->state;

	m->state = a->frame->payload;
	m->state_len = a->frame->payload_len;
	return read_uint(a, &a->elements[1], "token", UINT64_MAX, &m->token) &&
	       read_u32(a, &a->elements[2], "code", UINT32_MAX, &m->code) &&
	       read_optional_u32(a, &a->elements[3], "step", STEP_MAX, &m->has_step, &m->step) &&
	       read_text(a, &a->elements[4], "words", false, &m->words);
}

static bool read_ack(const struct answer *a, struct message *ret) {
	return read_uint(a, &a->elements[1], "seq", SEQ_MAX, &ret->ack.seq);
}

static bool read_stop(const struct answer *a, struct message *ret) {
	return read_text(a, &a->elements[1], "reason", false, &ret->stop.reason);
}

static bool read_error(const struct answer *a, struct message *ret) {
	struct msg_error *m = &ret->error;
	uint32_t code;

	if (!read_u32(a, &a->elements[1], "code", UINT32_MAX, &code)) {
		return false;
	}
	m->code = code;
	return read_text(a, &a->elements[2], "words", false, &m->words) &&
	       read_optional_uint(a, &a->elements[3], "seq", SEQ_MAX, &m->has_seq, &m->seq);
}

static bool read_reply(const struct answer *a, struct message *ret) {
	struct msg_reply *m = &ret->reply;

	m->json = a->frame->payload;
	m->json_len = a->frame->payload_len;
	return read_uint(a, &a->elements[1], "token", UINT64_MAX, &m->token) &&
	       read_u32(a, &a->elements[2], "code", UINT32_MAX, &m->code) &&
	       read_text(a, &a->elements[3], "words", false, &m->words);
}

/* Lays out the header's elements. False when it is not an array that begins with a number. */
static bool lay_out(struct answer *a) {
	struct token root;

	(void)token_read(a->frame->header, a->end, &root);
	if (root.kind != TOKEN_ARRAY) {
		return false;
	}
	const uint8_t *p = root.data;
	for (uint32_t i = 0; i < ELEMENTS_MAX; i++) {
		if (i < root.count) {
			(void)token_read(p, a->end, &a->elements[i]);
			p = token_end(&a->elements[i], a->end);
		} else {
			a->elements[i] = (struct token){.kind = TOKEN_NIL};
		}
	}
	return a->elements[0].kind == TOKEN_UINT;
}

static bool read_message(const struct answer *a, struct message *ret) {
	switch (a->elements[0].natural) {
	case MSG_WELCOME:
		return read_welcome(a, ret);
	case MSG_REFUSAL:
		return read_refusal(a, ret);
	case MSG_OPENED:
		return read_opened(a, ret);
	case MSG_STATE:
		return read_state(a, ret);
	case MSG_ACK:
		return read_ack(a, ret);
	case MSG_STOP:
		return read_stop(a, ret);
	case MSG_ERROR:
		return read_error(a, ret);
	case MSG_REPLY:
		return read_reply(a, ret);
	default:
		return decode_fail(a->err, REFUSE_MALFORMED,
			"type %llu is not a message the daemon sends",
			(unsigned long long)a->elements[0].natural);
	}
}

enum decode_result answer_read(
	const struct frame_view *frame, struct message *ret, struct decode_error *err) {
	struct answer a = {.end = frame->header + frame->header_len, .frame = frame, .err = err};

	decode_error_clear(err);
	enum scan_result scanned = scan(frame->header, frame->header_len, &scan_header_limits);
	if (scanned != SCAN_OK) {
		(void)decode_fail(err, REFUSE_MALFORMED, "the header is %s", scan_words(scanned));
		return DECODE_MALFORMED;
	}
	if (!lay_out(&a)) {
		(void)decode_fail(err, REFUSE_MALFORMED,
			"the header is not an array that begins with the type of a message");
		return DECODE_MALFORMED;
	}
	if (a.elements[0].natural <= MSG_REPLY) {
		err->type = (enum message_type)a.elements[0].natural;
		ret->type = err->type;
	}
	if (!read_message(&a, ret)) {
		return DECODE_MALFORMED;
	}
	if (frame->payload_len > 0 && !message_has_payload(err->type)) {
		(void)decode_fail(
			err, REFUSE_MALFORMED, "%s carries no payload", message_name(err->type));
		return DECODE_MALFORMED;
	}
	return DECODE_OK;
}

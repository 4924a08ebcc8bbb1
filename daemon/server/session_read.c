/* Bytes of a socket become messages: read, cut into frames, offered, and kept while they wait. */
#include "session_private.h"

/* ---- bytes to messages ---- */

static enum session_verdict offer_message(struct session *s, const struct message *m) {
	struct server *server = s->server;

	if (!s->greeted && m->type != MSG_HELLO) {
		session_refuse_in_words(s, REFUSE_OUT_OF_ORDER, "the first message must be HELLO");
		return SESSION_CLOSE;
	}
	if (s->greeted && m->type == MSG_HELLO) {
		session_refuse_in_words(s, REFUSE_OUT_OF_ORDER, "HELLO was said already");
		return SESSION_CLOSE;
	}
	enum session_verdict verdict = server->callbacks->on_message(server->user, s, m);
	s->greeted = s->greeted || verdict == SESSION_READ_ON;
	return verdict;
}

static enum session_verdict offer_bad(struct session *s, const struct decode_error *error) {
	struct server *server = s->server;

	if (!error->has_seq) {
		session_refuse_in_words(s, (enum refusal_code)error->code, error->words);
		return SESSION_CLOSE;
	}
	/* Its code is an ERROR's, which nothing that ends a connection may carry. */
	if (!s->greeted) {
		session_refuse_in_words(s, REFUSE_OUT_OF_ORDER, "the first message must be HELLO");
		return SESSION_CLOSE;
	}
	return server->callbacks->on_bad_message(server->user, s, error);
}

static enum session_verdict offer(struct session *s, const struct frame_view *frame) {
	struct message message;
	struct decode_error error = {0};

	switch (decode(s->server->decoder, frame, &message, &error)) {
	case DECODE_OK:
		return offer_message(s, &message);
	case DECODE_BAD_FIELD:
		return offer_bad(s, &error);
	case DECODE_MALFORMED:
		session_refuse_in_words(s, REFUSE_MALFORMED, error.words);
		return SESSION_CLOSE;
	case DECODE_NO_MEMORY:
		break;
	}
	session_close(s); /* the client comes again */
	return SESSION_CLOSE;
}

/* Offers the frames at the front of `data`; returns the bytes consumed. What stays is an incomplete frame, whose announced length
 * goes to *ret_partial, or a message that is held. */
static size_t offer_all(struct session *s, const uint8_t *data, size_t len, size_t *ret_partial) {
	size_t at = 0;

	*ret_partial = 0;
	while (s->phase == PHASE_OPEN && !s->held) {
		if (!turn_goes_on(s)) {
			s->yielding = at < len;
			return at;
		}
		struct frame_view frame = {0};
		switch (frame_next(data + at, len - at, s->payload_len_max, &frame)) {
		case FRAME_PARTIAL:
			*ret_partial = frame.total_len > 0 ? frame.total_len : FRAME_PREFIX_SIZE;
			return at;
		case FRAME_HEADER_INVALID:
			session_refuse_header(s, frame.header_len);
			return at;
		case FRAME_PAYLOAD_TOO_LARGE:
			session_refuse_payload(s);
			return at;
		case FRAME_READY:
			break;
		}

		intake_complete(&s->in);
		s->server->stats.messages++;
		s->resumed = false;
		switch (offer(s, &frame)) {
		case SESSION_READ_ON:
			at += frame.total_len;
			break;
		case SESSION_LATER:
			s->held = true;
			if (s->resumed) {
				session_resume(s);
			}
			break;
		case SESSION_CLOSE:
			session_end(s);
			break;
		}
	}
	return at;
}

/* ---- the socket ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
	struct session *s = handle->data;
	(void)suggested;

	if (account_is_broke(s->account)) {
		*ret = uv_buf_init(NULL, 0);
		return;
	}
	if (s->in.cap == 0) {
		size_t size = account_is_short(s->account) ? INTAKE_SMALL : STAGING_SIZE;
		*ret = uv_buf_init((char *)s->server->staging, (unsigned)size);
		return;
	}
	if (intake_grow(&s->in) < 0) {
		*ret = uv_buf_init(NULL, 0);
		return;
	}
	*ret = uv_buf_init((char *)s->in.data + s->in.len, (unsigned)(s->in.cap - s->in.len));
}

/* What was offered is dropped, what was not is kept; then read on, or not. */
static void settle(
	struct session *s, const uint8_t *data, size_t len, size_t consumed, size_t partial) {
	if (s->phase != PHASE_OPEN) {
		return;
	}
	if (data == s->server->staging) {
		if (intake_keep(&s->in, data + consumed, len - consumed) < 0) {
			session_close(s);
			return;
		}
	} else {
		intake_consume(&s->in, consumed);
	}

	if (s->held && !list_linked(&s->resuming) && intake_is_beyond(&s->in)) {
		session_refuse_held(s);
		return;
	}
	if (account_is_broke(s->account)) {
		session_rest(s);
	}
	if (s->in.len > 0 && !s->held && !s->yielding && !s->in.filling) {
		bool waited = list_linked(&s->in.waiting);
		if (intake_admit(&s->in, partial)) {
			progress_begin(&s->filling, s->received, uv_now(s->server->loop));
		} else if (!waited) {
			server_trim(s->server, s->account);
		}
	}
	session_arrange_reading(s);
	server_admit(s->server, s->account);
}

static void on_read(uv_stream_t *stream, ssize_t n_read, const uv_buf_t *buf) {
	struct session *s = stream->data;

	if (n_read == UV_ENOBUFS && account_is_broke(s->account)) {
		session_rest(s);
		session_arrange_reading(s);
		return;
	}
	if (n_read < 0) { /* the end, an error, or no memory to read into */
		session_close(s);
		return;
	}
	turn_begin(s, (size_t)n_read);
	s->received += (uint64_t)n_read;
	s->server->stats.bytes += (uint64_t)n_read;
	const uint8_t *data = (const uint8_t *)buf->base;
	size_t len = (size_t)n_read, partial;
	if (data != s->server->staging) {
		s->in.len += len;
		data = s->in.data;
		len = s->in.len;
	}
	size_t consumed = offer_all(s, data, len, &partial);
	settle(s, data, len, consumed, partial);
}

void session_arrange_reading(struct session *s) {
	bool wanted = s->phase == PHASE_OPEN && !s->held && !list_linked(&s->in.waiting) &&
		      !list_linked(&s->resting);

	if (wanted && !s->reading) {
		s->reading = uv_read_start((uv_stream_t *)&s->pipe, on_alloc, on_read) == 0;
	} else if (!wanted && s->reading) {
		(void)uv_read_stop((uv_stream_t *)&s->pipe);
		s->reading = false;
	}
}

void session_resume(struct session *s) {
	struct server *server = s->server;

	s->resumed = true;
	if (!s->held || s->phase != PHASE_OPEN || list_linked(&s->resuming)) {
		return;
	}
	list_append(&server->resuming, &s->resuming);
	server_wake_resumer(server);
}

void session_offer_again(struct session *s) {
	s->held = s->yielding = false;
	turn_begin(s, 0);
	size_t partial;
	size_t consumed = offer_all(s, s->in.data, s->in.len, &partial);
	settle(s, s->in.data, s->in.len, consumed, partial);
}

void session_rested(struct session *s) {
	if (s->yielding && !s->held && s->phase == PHASE_OPEN) {
		session_offer_again(s);
	} else {
		session_arrange_reading(s);
	}
}

void session_admitted(struct session *s) {
	progress_begin(&s->filling, s->received, uv_now(s->server->loop));
	session_arrange_reading(s);
}

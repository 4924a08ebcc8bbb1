#include "session_private.h"

#include <assert.h>
#include <stdlib.h>

#include "encode.h"

/* One uv_write: frames, and behind the last of them its payload. */
struct outgoing {
	uv_write_t req;
	struct session *session;
	struct buf head;
	uint8_t *payload;
};

static void outgoing_destroy(struct outgoing *out) {
	buf_finish(&out->head);
	free(out->payload);
	free(out);
}

/* Encodes at the end of what waits: 0, -ENOMEM, or -ENOBUFS when the peer does not read. */
static int append(struct session *s, const struct message *m, uint32_t payload_len) {
	size_t size = encode_size_max(m);

	if (s->out_bytes + size > SESSION_OUT_MAX) {
		return -ENOBUFS;
	}
	int err = buf_reserve(&s->pending, size);
	if (err < 0) {
		return err;
	}
	size_t len = encode(m, payload_len, s->pending.data + s->pending.len, size);
	assert(len > 0);
	s->pending.len += len;
	s->out_bytes += len;
	return 0;
}

static void on_written(uv_write_t *req, int status) {
	struct outgoing *out = container_of(req, struct outgoing, req);
	struct session *s = out->session;
	bool had_payload = out->payload != NULL;

	s->n_writes--;
	s->out_bytes -= out->head.len;
	outgoing_destroy(out);
	if (s->phase == PHASE_CLOSING) {
		return;
	}
	if (status < 0) {
		session_close(s);
		return;
	}
	session_flush(s);
	if (s->phase == PHASE_ENDING && session_all_written(s)) {
		session_close(s);
	} else if (had_payload) {
		s->sending_payload = false;
		s->server->callbacks->on_payload_sent(s->server->user, s);
	}
}

/* Hands everything that waits to libuv, and `take` behind it. */
static void write_out(struct session *s, uint8_t *take, size_t len) {
	struct outgoing *out = calloc(1, sizeof *out);
	if (out == NULL) {
		free(take);
		session_close(s);
		return;
	}
	out->session = s;
	out->head = s->pending;
	out->payload = take;
	s->pending = (struct buf){0};
	s->queued += out->head.len + len;

	uv_buf_t bufs[2] = {
		uv_buf_init((char *)out->head.data, (unsigned)out->head.len),
		uv_buf_init((char *)take, (unsigned)len),
	};
	s->n_writes++;
	int err = uv_write(
		&out->req, (uv_stream_t *)&s->pipe, bufs, take != NULL ? 2 : 1, on_written);
	if (err < 0) {
		s->n_writes--;
		outgoing_destroy(out);
		session_close(s);
	}
}

void session_flush(struct session *s) {
	if (s->n_writes > 0 || s->phase == PHASE_CLOSING) {
		return;
	}
	if (s->has_ack) {
		s->has_ack = false;
		/* Nothing is in flight, so there is room for it. */
		struct message ack = {.type = MSG_ACK, .ack = {s->ack_seq}};
		if (append(s, &ack, 0) < 0) {
			session_close(s);
			return;
		}
	}
	if (s->pending.len > 0) {
		write_out(s, NULL, 0);
	}
}

bool session_all_written(const struct session *s) {
	return s->n_writes == 0 && s->pending.len == 0;
}

uint64_t session_written(const struct session *s) {
	return s->queued - uv_stream_get_write_queue_size((const uv_stream_t *)&s->pipe);
}

void session_send(struct session *s, const struct message *m) {
	if (s->phase != PHASE_OPEN) {
		return;
	}
	if (append(s, m, 0) < 0) {
		session_close(s);
		return;
	}
	session_flush(s);
}

void session_send_payload(struct session *s, const struct message *m, uint8_t *take, size_t len) {
	assert(!s->sending_payload);
	if (s->phase != PHASE_OPEN) {
		free(take);
		return;
	}
	if (append(s, m, (uint32_t)len) < 0) {
		free(take);
		session_close(s);
		return;
	}
	s->sending_payload = true;
	write_out(s, take, len);
	progress_begin(&s->sending, session_written(s), uv_now(s->server->loop));
}

bool session_sending_payload(const struct session *s) {
	return s->sending_payload;
}

void session_ack(struct session *s, uint64_t seq) {
	if (s->phase != PHASE_OPEN) {
		return;
	}
	s->ack_seq = seq;
	s->has_ack = true;
	session_flush(s);
}

/* What goes over a link: answers read and cut into frames, frames of the stream and requests
 * written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "answer.h"
#include "encode.h"
#include "frame.h"
#include "link.h"

#define GATHER_FRAMES     32         /* a writev of small frames */
#define TURN_BYTES        (1u << 20) /* at a time, so that other runs get their turn */
#define ANSWER_HEADER_MAX 16384u     /* texts of 4,096 bytes, with room */

/* ---- reading ---- */

/* What a STATE may bring while one is waited for; nothing else has a payload. */
static uint64_t payload_max(struct link *l) {
	struct stream *s = l->stream;

	pthread_mutex_lock(&s->lock);
	bool wanted = s->snapshot.wanted;
	pthread_mutex_unlock(&s->lock);
	return wanted || l->snapshot_sent != 0 ? PAYLOAD_LEN_MAX(l->opening->open.d_sae) : 0;
}

static bool in_grow(struct link *l, size_t size) {
	if (size <= l->in_size) {
		return true;
	}

	uint8_t *in = realloc(l->in, size);
	if (in == NULL) {
		return false;
	}
	l->in = in;
	l->in_size = size;
	return true;
}

/* A STATE made it large. */
static void in_shrink(struct link *l) {
	if (l->in_size > LINK_IN_SIZE_MIN && l->in_len < LINK_IN_SIZE_MIN) {
		uint8_t *in = realloc(l->in, LINK_IN_SIZE_MIN);
		l->in = in == NULL ? l->in : in;
		l->in_size = in == NULL ? l->in_size : LINK_IN_SIZE_MIN;
	}
}

/* One frame from the front of what was read. Returns its length; 0: not there yet, or the
 * connection is lost. */
static size_t take_frame(struct link *l, const uint8_t *data, size_t len) {
	struct frame_view view;
	struct message m;
	struct decode_error error;

	enum frame_result result = frame_next(data, len, payload_max(l), &view);
	if (result > FRAME_PARTIAL || (view.total_len > 0 && view.header_len > ANSWER_HEADER_MAX)) {
		link_lose(l, 0, "the daemon sent something that is no frame of the protocol");
		return 0;
	}
	if (result == FRAME_PARTIAL) {
		size_t consumed = (size_t)(data - l->in);
		if (!in_grow(l, consumed + view.total_len)) {
			link_lose(l, 0, "out of memory");
		}
		return 0;
	}
	if (answer_read(&view, &m, &error) != DECODE_OK) {
		link_lose(l, 0, error.words);
		return 0;
	}
	link_answer(l, &m);
	return view.total_len;
}

bool link_is_connected(const struct link *l) {
	return l->phase != LINK_AWAY && l->phase != LINK_OVER;
}

static void take_frames(struct link *l) {
	size_t at = 0;

	for (;;) {
		size_t took = take_frame(l, l->in + at, l->in_len - at);
		if (!link_is_connected(l)) {
			return;
		}
		if (took == 0) {
			break;
		}
		at += took;
	}
	memmove(l->in, l->in + at, l->in_len - at);
	l->in_len -= at;
	in_shrink(l);
}

void link_read(struct link *l) {
	size_t turn = 0;

	while (link_is_connected(l) && turn < TURN_BYTES) {
		ssize_t n =
			recv(l->socket.fd, l->in + l->in_len, l->in_size - l->in_len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n <= 0) {
			link_lose(l, 0,
				n == 0 ? "the daemon closed the connection" : strerror(errno));
			return;
		}
		l->in_len += (size_t)n;
		turn += (size_t)n;
		take_frames(l);
	}
}

/* ---- writing ---- */

/* Bytes written; 0: none can be now, or the connection is lost. */
static size_t send_some(struct link *l, struct iovec *iov, size_t n_iov) {
	struct msghdr header = {.msg_iov = iov, .msg_iovlen = n_iov};
	ssize_t n;

	do {
		n = sendmsg(l->socket.fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		return (size_t)n;
	}
	if (errno == EAGAIN) {
		l->blocked = true;
		return 0;
	}

	/* Why it was closed may stand in what can still be read. */
	const char *why = strerror(errno);
	link_read(l);
	if (link_is_connected(l)) {
		link_lose(l, 0, why);
	}
	return 0;
}

static void send_outgoing(struct link *l) {
	struct outgoing *out = &l->outgoing;
	struct iovec iov = {out->bytes + out->done, out->len - out->done};
	size_t n = send_some(l, &iov, 1);

	if (n == 0) {
		return;
	}
	out->done += n;
	if (out->done == out->len) {
		link_sent(l);
	}
}

uint64_t link_flush_due(const struct link *l) {
	const struct stream *s = l->stream;
	const struct outbox *o = &s->outbox;

	if (s->flush_through > o->acked && s->flush_through > l->flush_sent &&
		s->flush_through <= o->sent && !o->ended) {
		return s->flush_through;
	}
	return l->flush_sent <= o->acked && !o->ended && outbox_pressed(o) ? o->sent : 0;
}

bool link_snapshot_due(const struct link *l) {
	const struct snapshot *want = &l->stream->snapshot;

	return want->wanted && want->token != l->snapshot_sent &&
	       want->through_seq <= l->stream->outbox.sent;
}

/* Under the lock: what is asked of the daemon beside the stream, between two of its frames. */
static bool next_request(struct link *l) {
	struct stream *s = l->stream;
	struct message m;
	uint64_t flush_through = link_flush_due(l);

	if (outbox_amid(&s->outbox)) {
		return false;
	}
	if (flush_through > 0) {
		m.type = MSG_FLUSH;
		m.flush.through_seq = l->flush_sent = flush_through;
	} else if (link_snapshot_due(l)) {
		m.type = MSG_SNAPSHOT;
		m.snapshot.token = l->snapshot_sent = s->snapshot.token;
		m.snapshot.through_seq = s->snapshot.through_seq;
	} else {
		return false;
	}
	link_send(l, l->small, encode(&m, 0, l->small, sizeof l->small));
	return true;
}

/* Sends frames of the stream. Returns the bytes written. */
static size_t send_frames(struct link *l) {
	struct stream *s = l->stream;
	struct iovec iov[GATHER_FRAMES];
	size_t n_iov = 0;

	pthread_mutex_lock(&s->lock);
	if (!next_request(l)) {
		n_iov = outbox_gather(&s->outbox, iov, GATHER_FRAMES, TURN_BYTES);
	}
	pthread_mutex_unlock(&s->lock);
	if (n_iov == 0) {
		return 0;
	}

	size_t n = send_some(l, iov, n_iov);
	if (link_is_connected(l)) {
		pthread_mutex_lock(&s->lock);
		outbox_wrote(&s->outbox, n);
		s->bytes_sent += n;
		pthread_mutex_unlock(&s->lock);
	}
	return n;
}

void link_write(struct link *l) {
	size_t turn = 0;

	while (link_is_connected(l) && !l->blocked && turn < TURN_BYTES) {
		if (l->outgoing.bytes != NULL) {
			send_outgoing(l);
			continue;
		}
		if (l->phase != LINK_STREAMING) {
			return;
		}
		size_t n = send_frames(l);
		if (n == 0 && l->outgoing.bytes == NULL) {
			return;
		}
		turn += n;
	}
}

#include "link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "answer.h"
#include "deadline.h"
#include "encode.h"
#include "frame.h"
#include "ids.h"
#include "say.h"

#define BACKOFF_MAX_MS    5000u
#define STEADY_MS         5000u      /* a connection that lasted so long was a good one */
#define GATHER_FRAMES     32         /* a writev of small frames */
#define TURN_BYTES        (1u << 20) /* at a time, so that other runs get their turn */
#define SEND_BUFFER_BYTES (1 << 20)  /* asked for; what the kernel allows is usually less */
#define IN_SIZE_MIN       4096u      /* every answer but a STATE, as a rule */
#define ANSWER_HEADER_MAX 16384u     /* texts of 4,096 bytes, with room */

void link_init(
	struct link *l, struct stream *s, struct opening *o, const struct link_paths *paths) {
	*l = (struct link){
		.stream = s,
		.opening = o,
		.paths = *paths,
		.socket = DESCRIPTOR_NONE,
		.path = paths->path[0],
		.backoff_ms = LINK_BACKOFF_MIN_MS,
	};
	id_random(&l->random, sizeof l->random);
}

static void outgoing_clear(struct link *l) {
	if (l->outgoing.bytes != l->small) {
		free(l->outgoing.bytes);
	}
	l->outgoing = (struct outgoing){0};
}

/* Closes what there is of a connection. */
static void disconnect(struct link *l) {
	struct stream *s = l->stream;

	descriptor_close(&l->socket);
	outgoing_clear(l);
	free(l->in);
	l->in = NULL;
	l->in_len = l->in_size = 0;

	pthread_mutex_lock(&s->lock);
	outbox_interrupt(&s->outbox);
	s->connected = false;
	s->starving = false;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void link_finish(struct link *l) {
	descriptor_close(&l->socket);
	outgoing_clear(l);
	free(l->in);
	*l = (struct link){.socket = DESCRIPTOR_NONE};
}

/* Half of it is certain, half is chance: ranks that lost one daemon together do not come back
 * together. */
static uint32_t jitter(struct link *l, uint32_t delay_ms) {
	l->random = l->random * 6364136223846793005ull + 1442695040888963407ull;
	return delay_ms / 2 + (uint32_t)(l->random >> 33) % (delay_ms / 2 + 1);
}

void link_lose(struct link *l, uint32_t min_delay_ms, const char *why) {
	uint64_t now_ms = clock_now_ms();

	if (l->phase == LINK_STREAMING && now_ms - l->opened_at_ms >= STEADY_MS) {
		l->backoff_ms = LINK_BACKOFF_MIN_MS;
	}
	disconnect(l);
	l->phase = LINK_AWAY;
	uint32_t delay_ms = jitter(l, l->backoff_ms);
	l->retry_at_ms = now_ms + (delay_ms > min_delay_ms ? delay_ms : min_delay_ms);
	l->backoff_ms = l->backoff_ms < BACKOFF_MAX_MS / 2 ? 2 * l->backoff_ms : BACKOFF_MAX_MS;

	pthread_mutex_lock(&l->stream->lock);
	stream_say_in_passing(l->stream, why);
	pthread_mutex_unlock(&l->stream->lock);
}

void link_end(struct link *l) {
	disconnect(l);
	l->phase = LINK_OVER;
}

void link_send(struct link *l, uint8_t *bytes, size_t len) {
	assert(l->outgoing.bytes == NULL);
	l->outgoing = (struct outgoing){.bytes = bytes, .len = len};
}

/* ---- connecting ---- */

static int connect_to(struct link *l, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int status = descriptor_open_socket(&l->socket);
	if (status < 0) {
		return status;
	}

	int size = SEND_BUFFER_BYTES;
	(void)setsockopt(l->socket.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(l->socket.fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		status = -errno;
		descriptor_close(&l->socket);
	}
	return status;
}

/* Others look at it, to leave a note there. */
static void settle_on(struct link *l, const char *path) {
	pthread_mutex_lock(&l->stream->lock);
	l->path = path;
	pthread_mutex_unlock(&l->stream->lock);
}

static int connect_to_any(struct link *l) {
	/* Who has opened this run once is gone back to: nobody else has what it acked. */
	if (l->opening->open.has_db_id) {
		return connect_to(l, l->path);
	}

	int status = -ENOENT;
	for (size_t i = 0; i < LINK_PATHS_MAX && l->paths.path[i] != NULL; i++) {
		int result = connect_to(l, l->paths.path[i]);
		if (result == 0 || result == -EAGAIN) {
			settle_on(l, l->paths.path[i]);
			return result;
		}
		/* Of two complaints the one that says more than "there is nothing". */
		status = status == -ENOENT ? result : status;
	}
	return status;
}

static void tell_absence(struct link *l, int status) {
	struct stream *s = l->stream;

	if (l->told_absence || l->opening->quiet || l->opening->open.rank != 0) {
		return;
	}
	l->told_absence = true;
	say("no daemon answers at %s (%s); training goes on, and up to %zu MiB are kept until one "
	    "does",
		l->paths.path[0], strerror(-status), s->outbox.chunks.bytes_max >> 20);
}

static void connect_failed(struct link *l, int status) {
	char why[STREAM_WORDS_SIZE];
	struct stream *s = l->stream;

	/* EAGAIN: the daemon is there, and has no time for us. */
	snprintf(why, sizeof why, "connecting to %.160s: %s", l->path, strerror(-status));
	link_lose(l, 0, why);
	if (status != -EAGAIN) {
		tell_absence(l, status);
		pthread_mutex_lock(&s->lock);
		s->absences++;
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
	}
}

static void begin_connection(struct link *l) {
	size_t len = 0;
	int status = connect_to_any(l);
	if (status < 0) {
		connect_failed(l, status);
		return;
	}

	uint8_t *hello = opening_hello(&len);
	l->in = malloc(IN_SIZE_MIN);
	if (hello == NULL || l->in == NULL) {
		free(hello);
		link_lose(l, 0, "out of memory");
		return;
	}
	l->in_size = IN_SIZE_MIN;
	l->flush_sent = l->snapshot_sent = 0;
	l->blocked = false;
	l->phase = LINK_GREETING;
	link_send(l, hello, len);
}

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
	if (l->in_size > IN_SIZE_MIN && l->in_len < IN_SIZE_MIN) {
		uint8_t *in = realloc(l->in, IN_SIZE_MIN);
		l->in = in == NULL ? l->in : in;
		l->in_size = in == NULL ? l->in_size : IN_SIZE_MIN;
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

static bool is_connected(const struct link *l) {
	return l->phase != LINK_AWAY && l->phase != LINK_OVER;
}

static void take_frames(struct link *l) {
	size_t at = 0;

	for (;;) {
		size_t took = take_frame(l, l->in + at, l->in_len - at);
		if (!is_connected(l)) {
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

static void link_read(struct link *l) {
	size_t turn = 0;

	while (is_connected(l) && turn < TURN_BYTES) {
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
	if (is_connected(l)) {
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
		outgoing_clear(l);
	}
}

/* FLUSH for whoever waits, once everything he waits for is sent; or because room is getting
 * short. 0: none. */
static uint64_t flush_due(const struct link *l) {
	const struct stream *s = l->stream;
	const struct outbox *o = &s->outbox;

	if (s->flush_through > o->acked && s->flush_through > l->flush_sent &&
		s->flush_through <= o->sent && !o->ended) {
		return s->flush_through;
	}
	return l->flush_sent <= o->acked && !o->ended && outbox_pressed(o) ? o->sent : 0;
}

static bool snapshot_due(const struct link *l) {
	const struct snapshot *want = &l->stream->snapshot;

	return want->wanted && want->token != l->snapshot_sent &&
	       want->through_seq <= l->stream->outbox.sent;
}

/* Under the lock: what is asked of the daemon beside the stream, between two of its frames. */
static bool next_request(struct link *l) {
	struct stream *s = l->stream;
	struct message m;
	uint64_t flush_through = flush_due(l);

	if (outbox_amid(&s->outbox)) {
		return false;
	}
	if (flush_through > 0) {
		m.type = MSG_FLUSH;
		m.flush.through_seq = l->flush_sent = flush_through;
	} else if (snapshot_due(l)) {
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
	if (is_connected(l)) {
		pthread_mutex_lock(&s->lock);
		outbox_wrote(&s->outbox, n);
		s->bytes_sent += n;
		pthread_mutex_unlock(&s->lock);
	}
	return n;
}

static void link_write(struct link *l) {
	size_t turn = 0;

	while (is_connected(l) && !l->blocked && turn < TURN_BYTES) {
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

/* ---- turns ---- */

static bool has_something_to_send(struct link *l) {
	struct stream *s = l->stream;

	if (l->outgoing.bytes != NULL) {
		return true;
	}
	if (l->phase != LINK_STREAMING) {
		return false;
	}
	pthread_mutex_lock(&s->lock);
	bool has = outbox_has_unsent(&s->outbox) || flush_due(l) > 0 || snapshot_due(l);
	s->starving = !has;
	pthread_mutex_unlock(&s->lock);
	return has;
}

short link_prepare(struct link *l, uint64_t *ret_deadline_ms) {
	*ret_deadline_ms = l->phase == LINK_AWAY ? l->retry_at_ms : UINT64_MAX;
	if (!is_connected(l)) {
		return 0;
	}
	return has_something_to_send(l) ? POLLIN | POLLOUT : POLLIN;
}

void link_run(struct link *l, short revents, uint64_t now_ms) {
	struct stream *s = l->stream;

	pthread_mutex_lock(&s->lock);
	bool closing = s->closing;
	bool hurry = s->hurry;
	s->hurry = false;
	pthread_mutex_unlock(&s->lock);

	if (closing && !l->released) {
		link_end(l);
		l->released = true;
	}
	if (l->phase == LINK_AWAY && hurry) {
		l->backoff_ms = LINK_BACKOFF_MIN_MS;
		l->retry_at_ms = now_ms;
	}
	if (l->phase == LINK_AWAY && now_ms >= l->retry_at_ms) {
		begin_connection(l);
	}
	if ((revents & POLLOUT) != 0) {
		l->blocked = false;
	}
	if (is_connected(l) && (revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
		link_read(l);
	}
	link_write(l);
}

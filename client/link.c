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
#include "places.h"
#include "say.h"

#define BACKOFF_MAX_MS    5000u
#define STEADY_MS         5000u     /* a connection that lasted so long was a good one */
#define SEND_BUFFER_BYTES (4 << 20) /* asked for; what the kernel allows is usually less */

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

void link_sent(struct link *l) {
	if (l->outgoing.bytes != l->small) {
		opening_frame_free(l->outgoing.bytes, l->outgoing.len);
	}
	l->outgoing = (struct outgoing){0};
}

/* Closes what there is of a connection. */
static void disconnect(struct link *l) {
	struct stream *s = l->stream;

	descriptor_close(&l->socket);
	link_sent(l);
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
	link_sent(l);
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
	if (places_flaw(path) != NULL) {
		/* Nobody listens there, or somebody else. */
		return access(path, F_OK) < 0 ? -errno : -EPERM;
	}
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

/* *about: of which path its result speaks. */
static int connect_to_any(struct link *l, const char **about) {
	/* Who has opened this run once is gone back to: nobody else has what it acked. */
	if (l->opening->open.has_db_id) {
		*about = l->path;
		return connect_to(l, l->path);
	}

	int status = -ENOENT;
	*about = l->paths.path[0];
	for (size_t i = 0; i < LINK_PATHS_MAX && l->paths.path[i] != NULL; i++) {
		int result = connect_to(l, l->paths.path[i]);
		if (result == 0 || result == -EAGAIN) {
			settle_on(l, l->paths.path[i]);
			*about = l->path;
			return result;
		}
		/* Of two complaints the one that says more than "there is nothing". */
		if (status == -ENOENT && result != -ENOENT) {
			status = result;
			*about = l->paths.path[i];
		}
	}
	return status;
}

static void tell_absence(struct link *l, const char *path, const char *reason) {
	struct stream *s = l->stream;

	if (l->told_absence || l->opening->quiet || l->opening->open.rank != 0) {
		return;
	}
	l->told_absence = true;
	say("no daemon answers at %s (%s); training goes on, and up to %zu MiB are kept until one "
	    "does",
		path, reason, s->outbox.chunks.bytes_max >> 20);
}

static void connect_failed(struct link *l, const char *path, int status) {
	char reason[80], why[STREAM_WORDS_SIZE];
	struct stream *s = l->stream;
	const char *flaw = status == -EPERM ? places_flaw(path) : NULL;

	/* EAGAIN: the daemon is there, and has no time for us. */
	snprintf(reason, sizeof reason, "%s%s", flaw != NULL ? "its folder " : "",
		flaw != NULL        ? flaw
		: status == -EACCES ? "you may not connect; `sae-metricsd doctor` says what to do"
				    : strerror(-status));
	snprintf(why, sizeof why, "connecting to %.160s: %s", path, reason);
	link_lose(l, 0, why);
	if (status != -EAGAIN) {
		tell_absence(l, path, reason);
		pthread_mutex_lock(&s->lock);
		s->absences++;
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
	}
}

static void begin_connection(struct link *l) {
	size_t len = 0;
	const char *path = NULL;
	int status = connect_to_any(l, &path);
	if (status < 0) {
		connect_failed(l, path, status);
		return;
	}

	uint8_t *hello = opening_hello(&len);
	l->in = malloc(LINK_IN_SIZE_MIN);
	if (hello == NULL || l->in == NULL) {
		opening_frame_free(hello, len);
		link_lose(l, 0, "out of memory");
		return;
	}
	l->in_size = LINK_IN_SIZE_MIN;
	l->flush_sent = l->snapshot_sent = 0;
	l->blocked = false;
	l->phase = LINK_GREETING;
	link_send(l, hello, len);
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
	bool has = outbox_has_unsent(&s->outbox) || link_flush_due(l) > 0 || link_snapshot_due(l);
	s->starving = !has;
	pthread_mutex_unlock(&s->lock);
	return has;
}

short link_prepare(struct link *l, uint64_t *ret_deadline_ms) {
	*ret_deadline_ms = l->phase == LINK_AWAY ? l->retry_at_ms : UINT64_MAX;
	if (!link_is_connected(l)) {
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
	if (link_is_connected(l) && (revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
		link_read(l);
	}
	link_write(l);
}

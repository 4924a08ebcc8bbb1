#include "peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "answer.h"
#include "encode.h"

void peer_init(struct peer *peer, uv_loop_t *loop, int fd) {
	*peer = (struct peer){.loop = loop, .fd = fd};
}

int peer_pair(struct peer *peer, uv_loop_t *loop) {
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	peer_init(peer, loop, fds[1]);
	return fds[0];
}

void peer_connect(struct peer *peer, uv_loop_t *loop, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	peer_init(peer, loop, fd);
}

void peer_close(struct peer *peer) {
	if (peer->fd >= 0) {
		close(peer->fd);
		peer->fd = -1;
	}
	free(peer->in);
	peer->in = NULL;
	peer->in_len = peer->in_read = peer->in_cap = 0;
}

void peer_write(struct peer *peer, const uint8_t *data, size_t len) {
	while (len > 0) {
		ssize_t n = send(peer->fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			uv_run(peer->loop, UV_RUN_ONCE);
			continue;
		}
		if (n < 0) {
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

void peer_send(struct peer *peer, const struct message *m, const void *payload, size_t len) {
	size_t cap = encode_size_max(m);
	uint8_t *head = malloc(cap);
	assert_non_null(head);
	size_t head_len = encode(m, (uint32_t)len, head, cap);
	assert_true(head_len > 0);
	peer_write(peer, head, head_len);
	peer_write(peer, payload, len);
	free(head);
}

static void make_room(struct peer *peer) {
	if (peer->in_read > 0) {
		peer->in_len -= peer->in_read;
		memmove(peer->in, peer->in + peer->in_read, peer->in_len);
		peer->in_read = 0;
	}
	if (peer->in_len == peer->in_cap) {
		peer->in_cap = peer->in_cap > 0 ? 2 * peer->in_cap : 4096;
		peer->in = realloc(peer->in, peer->in_cap);
		assert_non_null(peer->in);
	}
}

/* Reads, or turns the loop once where there is nothing to read. */
static void receive(struct peer *peer) {
	make_room(peer);
	ssize_t n = recv(peer->fd, peer->in + peer->in_len, peer->in_cap - peer->in_len, 0);
	if (n > 0) {
		peer->in_len += (size_t)n;
	} else if (n == 0 || errno != EAGAIN) {
		peer->ended = true;
	} else {
		uv_run(peer->loop, UV_RUN_ONCE);
	}
}

bool peer_read(struct peer *peer, struct message *ret) {
	struct frame_view frame = {0};
	struct decode_error error = {0};

	while (frame_next(peer->in + peer->in_read, peer->in_len - peer->in_read, UINT32_MAX,
		       &frame) != FRAME_READY) {
		if (peer->ended) {
			return false;
		}
		receive(peer);
	}
	assert_int_equal(answer_read(&frame, ret, &error), DECODE_OK);
	peer->in_read += frame.total_len;
	return true;
}

void peer_read_to_end(struct peer *peer) {
	while (!peer->ended) {
		peer->in_len = peer->in_read = 0;
		receive(peer);
	}
}

void peer_expect(struct peer *peer, enum message_type type, struct message *ret) {
	assert_true(peer_read(peer, ret));
	assert_int_equal(ret->type, type);
}

void peer_expect_refusal(struct peer *peer, enum refusal_code code) {
	struct message m = {0};
	peer_expect(peer, MSG_REFUSAL, &m);
	assert_int_equal(m.refusal.code, code);
	assert_true(m.refusal.words.len > 0);
	assert_false(peer_read(peer, &m));
}

/* The other end of a connection, for tests: writes frames, reads answers, and turns the loop of the daemon's side
 * whenever it would have to wait. */
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "message.h"

struct peer {
	uv_loop_t *loop;
	int fd; /* -1: closed */
	uint8_t *in;
	size_t in_len, in_read, in_cap;
	bool ended; /* the daemon closed */
};

/* Takes the descriptor over. */
void peer_init(struct peer *peer, uv_loop_t *loop, int fd);
/* A pair: one end is the peer's, the other is returned. */
int peer_pair(struct peer *peer, uv_loop_t *loop);
/* Through a socket file. */
void peer_connect(struct peer *peer, uv_loop_t *loop, const char *path);
void peer_close(struct peer *peer);

/* Writes all, turning the loop while the socket is full. What the daemon has closed takes nothing. */
void peer_write(struct peer *peer, const uint8_t *data, size_t len);
/* A message and its payload. */
void peer_send(struct peer *peer, const struct message *m, const void *payload, size_t len);
/* The next message of the daemon, which borrows from the peer; false: it closed instead. */
bool peer_read(struct peer *peer, struct message *ret);
/* Turns the loop until the daemon has closed. */
void peer_read_to_end(struct peer *peer);
/* The next message is of this type. */
void peer_expect(struct peer *peer, enum message_type type, struct message *ret);
/* The next message is this refusal, with words, and then the connection closes. */
void peer_expect_refusal(struct peer *peer, enum refusal_code code);

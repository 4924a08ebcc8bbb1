/* All connections of a daemon, and what they share: a staging buffer, a decoder, the limits of
 * each user. Sockets come from a listener, or from socketpair in tests. */
#pragma once

#include "session.h"

/* Each connection is a descriptor; the listener raises RLIMIT_NOFILE for them. */
#define SERVER_SESSIONS_MAX 10240u
/* One user leaves room for the others, and for `status`. */
#define SERVER_SESSIONS_PER_USER_MAX 10000u
/* Frames being read, beyond the staging buffer, for one user: 64 dense steps of a million features. */
#define SERVER_FRAME_BYTES_PER_USER (256u << 20)
#define SERVER_GREETING_MS          10000u /* HELLO and OPEN must have come */
#define SERVER_STALL_MS             60000u /* of a peer that holds memory others wait for */
#define SERVER_END_MS               2000u  /* last answers of a closing connection */

struct server_limits {
	uint32_t sessions_max, sessions_per_user_max;
	uint64_t frame_bytes_per_user;
	uint32_t greeting_ms, stall_ms, end_ms;
};
extern const struct server_limits server_default_limits;

struct server_stats {
	uint32_t sessions;
	uint64_t accepted, messages, bytes;
	uint64_t refused[REFUSE_STORAGE + 1]; /* by refusal_code */
	uint64_t overdue;                     /* closed at a deadline */
};

struct server;

/* `callbacks` is borrowed for the server's life. 0 or -errno. */
int server_open(uv_loop_t *loop, const struct server_limits *limits,
	const struct session_callbacks *callbacks, void *user, struct server **ret);
/* Ends every connection: what was queued for it is flushed first, for at most end_ms. */
void server_close(struct server *s, void (*on_closed)(void *user), void *user);

/* Takes a connected socket over, also when it fails: 0 or -errno. Too many: the peer is told. */
int server_adopt(struct server *s, int fd);
/* The same with the connection that waits at `listener`. */
int server_accept(struct server *s, uv_stream_t *listener);

/* What the deadlines do at `now_ms` of the loop's clock; called about once a second by itself. */
void server_tick(struct server *s, uint64_t now_ms);
void server_resume_all(struct server *s);

const struct server_stats *server_stats(const struct server *s);

/* All connections of a daemon, and what they share: a staging buffer, a decoder, the loop's time. Sockets come from a listener, or from socketpair in tests. */
#pragma once

#include "session.h"

#define SERVER_GREETING_MS 10000u /* HELLO and OPEN must have come */
#define SERVER_STALL_MS    60000u /* of a peer that holds memory others wait for */
#define SERVER_END_MS      2000u  /* last answers of a closing connection */

struct server_limits {
	uint32_t greeting_ms, stall_ms, end_ms;
	uint64_t (*now_ns)(void); /* what turns are measured with; NULL: the monotonic clock */
};
extern const struct server_limits server_default_limits;

struct server_stats {
	uint32_t sessions;
	uint64_t accepted, messages, bytes;
	uint64_t refused[REFUSE_STORAGE + 1]; /* by refusal_code */
	uint64_t overdue;                     /* closed at a deadline */
};

struct server;

/* `ledger` and `callbacks` are borrowed for the server's life: connections, and what is read of them, are charged to
 * their users. 0 or -errno. */
int server_open(uv_loop_t *loop, const struct server_limits *limits, struct ledger *ledger,
	const struct session_callbacks *callbacks, void *user, struct server **ret);
/* Ends every connection: what was queued for it is flushed first, for at most end_ms. */
void server_close(struct server *s, void (*on_closed)(void *user), void *user);

/* Takes a connected socket over, also when it fails: 0 or -errno. Too many: the peer is told. */
int server_adopt(struct server *s, int fd);
/* The same, and who is at the other end is known. */
int server_adopt_from(struct server *s, int fd, uid_t uid, pid_t pid);
/* The loop leaves the processor to others: whoever wants to connect waits for a millisecond, too. */
bool server_pauses(const struct server *s);
/* There is no room for it, whoever it is: it is told so, and closed. */
void server_turn_away(struct server *s, int fd);

/* What the deadlines do at `now_ms` of the loop's clock; called about once a second by itself. */
void server_tick(struct server *s, uint64_t now_ms);
void server_resume_all(struct server *s);
/* What is queued of some users has become less: frames that wait for that are read. */
void server_admit_waiting(struct server *s);

const struct server_stats *server_stats(const struct server *s);

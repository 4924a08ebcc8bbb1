/* One connection: bytes of a socket become messages, messages become bytes.
 *
 * Knows frames, lengths and the order HELLO before the rest; knows nothing of runs. Small frames are
 * cut out of a staging buffer that all sessions share, many per read; a large one is read into a buffer of its
 * own (alloc_cb hands out its tail: staging and copying costs 35 % more), which grows as bytes come and is
 * charged to the peer's user. Offers each message to its owner; on SESSION_LATER it keeps the
 * bytes, stops reading, and offers the message again after session_resume. Users are read in turns (turns.c). What is to be sent waits in
 * a bounded queue; ACKs that could not leave yet are replaced by later ones. */
#pragma once

#include <sys/types.h>
#include <uv.h>

#include "decode.h"
#include "ledger.h"

struct session;

enum session_verdict {
	SESSION_READ_ON = 0,
	SESSION_LATER, /* keep it, stop reading */
	SESSION_CLOSE  /* what the owner has sent is flushed, then the connection closes */
};

/* `user` is the server's (server.h); what belongs to one session is its session_user. */
struct session_callbacks {
	/* A decoded message; borrows from the session until the call returns. The first is a HELLO. */
	enum session_verdict (*on_message)(void *user, struct session *s, const struct message *m);
	/* A frame of this protocol whose message is bad but whose seq is legible. */
	enum session_verdict (*on_bad_message)(
		void *user, struct session *s, const struct decode_error *error);
	/* What session_send_payload was given has left. */
	void (*on_payload_sent)(void *user, struct session *s);
	/* The peer is gone, and every byte it had sent was offered before; or the session was closed. Called once,
	 * last; the session frees itself after it. */
	void (*on_closed)(void *user, struct session *s);
};

void session_set_user(struct session *s, void *user);
void *session_user(const struct session *s); /* NULL at first */
/* From the kernel (SO_PEERCRED). */
uid_t session_uid(const struct session *s);
pid_t session_pid(const struct session
		*s); /* 0: it is in another pid namespace, or of one that is not below ours */
/* Whether he was in that group when he connected, by his own or by a supplementary one. */
bool session_in_group(const struct session *s, gid_t gid);

/* Queues a message. A peer that does not read loses its connection instead of growing the queue. */
void session_send(struct session *s, const struct message *m);
/* The same with a payload, which is taken over and free()d. One at a time. */
void session_send_payload(struct session *s, const struct message *m, uint8_t *take, size_t len);
bool session_sending_payload(const struct session *s);
/* Everything up to seq is durable. */
void session_ack(struct session *s, uint64_t seq);
/* Sends the refusal, then closes. */
void session_refuse(struct session *s, const struct msg_refusal *refusal);
/* After SESSION_LATER, or on the way to it: the message is offered again, from the loop, not from within this call. */
void session_resume(struct session *s);
/* The greeting is over: no deadline any more, and the peer may announce payloads up to this. */
void session_establish(struct session *s, uint64_t payload_len_max);
/* Closes now, unread bytes included: nothing is offered after this. on_closed follows. */
void session_close(struct session *s);

/* What was done for it beside its messages took so long of the loop: its user's turns pay for it. */
void session_spend(struct session *s, uint64_t ns);

uint64_t session_bytes(const struct session *s); /* received so far */
/* Nothing of the peer waits unread: neither here nor in the socket. */
bool session_drained(const struct session *s);

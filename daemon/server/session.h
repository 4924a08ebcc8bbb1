/* One connection: bytes of a socket become messages, messages become bytes.
 *
 * Knows frames, lengths and the order HELLO before the rest; knows nothing of runs. Reads into a buffer that
 * is the frame's own (alloc_cb hands out its tail), sized for what was announced only as bytes come
 * and the owner allows it. Offers each message to its owner; on SESSION_LATER it keeps the
 * message, stops reading, and offers it again after session_resume. What is to be sent waits in
 * a bounded queue; ACKs that could not leave yet are replaced by later ones. */
#pragma once

#include <sys/types.h>
#include <uv.h>

#include "decode.h"

struct session;

enum session_verdict {
	SESSION_READ_ON = 0,
	SESSION_LATER, /* keep it, stop reading */
	SESSION_CLOSE  /* what the owner has sent is flushed, then the connection closes */
};

struct session_callbacks {
	/* A decoded message; borrows from the session. */
	enum session_verdict (*on_message)(void *user, struct session *s, const struct message *m);
	/* A frame of this protocol whose message is bad but whose seq is legible. */
	enum session_verdict (*on_bad_message)(void *user, struct session *s,
	                                       const struct decode_error *error);
	/* The peer is gone, and every byte it had sent was offered before; or the session was closed. Called once,
	 * last; the session frees itself after it. */
	void (*on_closed)(void *user, struct session *s);
};

void session_set_user(struct session *s, void *user);
void *session_user(const struct session *s);
uid_t session_uid(const struct session *s);
pid_t session_pid(const struct session *s);
/* A pidfd of the peer's process, -1 where there is none; the session's to close. */
int session_pidfd(const struct session *s);

/* Sends a message (payload copied for small ones, taken over when `take` is set: free()d after).
 * Drops the connection instead of growing without bound. */
void session_send(struct session *s, const struct message *m);
void session_send_payload(struct session *s, const struct message *m, uint8_t *take, size_t len);
void session_ack(struct session *s, uint64_t seq);
void session_refuse(struct session *s, const struct msg_refusal *refusal); /* then closes */
void session_resume(struct session *s);
/* The payload this peer may announce from now on: 0 until OPENED. */
void session_allow_payload(struct session *s, uint64_t payload_len_max);
/* Closes now, unread bytes included. on_closed follows. */
void session_close(struct session *s);
uint64_t session_bytes(const struct session *s);

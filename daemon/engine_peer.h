/* What a connection's messages lead to, one kind a file: for engine_peer*.c alone. */
#pragma once

#include "engine_private.h"

/* ---- engine_peer_refuse.c: SESSION_CLOSE, for returning it ---- */

/* Says so in the log, too. */
enum session_verdict peer_refuse(struct peer *peer, const struct msg_refusal *refusal);
enum session_verdict peer_refuse_retry(
	struct peer *peer, enum refusal_code code, uint32_t retry_ms, const char *words);
enum session_verdict peer_refuse_order(struct peer *peer, const char *words);
/* As the core wants it. */
enum session_verdict peer_refuse_as(struct peer *peer, const struct refusal *refusal);

/* ---- engine_peer_open.c ---- */

enum session_verdict peer_open(struct peer *peer, const struct msg_open *open);

/* ---- engine_peer_apply.c ---- */

/* `m` is the message, or NULL and `bad` says why there is none. */
enum session_verdict peer_apply(
	struct peer *peer, const struct message *m, const struct decode_error *bad);

/* ---- engine_peer_answer.c ---- */

enum session_verdict peer_flush(struct peer *peer, const struct msg_flush *flush);
enum session_verdict peer_snapshot(struct peer *peer, const struct msg_snapshot *snapshot);
/* A payload has left: if it was its state, that of the next rank may be sent. */
void peer_state_sent(struct peer *peer);

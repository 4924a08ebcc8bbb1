/* What ends a connection: said to its peer, and in the log. */
#include "engine_peer.h"
#include "engine_say.h"

enum session_verdict peer_refuse(struct peer *peer, const struct msg_refusal *refusal) {
	engine_say_refusal(peer->engine, peer->session, refusal->words);
	session_refuse(peer->session, refusal);
	return SESSION_CLOSE;
}

enum session_verdict peer_refuse_retry(
	struct peer *peer, enum refusal_code code, uint32_t retry_ms, const char *words) {
	return peer_refuse(peer, &(struct msg_refusal){.code = code,
					 .has_retry = true,
					 .retry_after_ms = retry_ms,
					 .words = text_from(words)});
}

enum session_verdict peer_refuse_order(struct peer *peer, const char *words) {
	return peer_refuse_retry(peer, REFUSE_OUT_OF_ORDER, RETRY_LATER_MS, words);
}

enum session_verdict peer_refuse_as(struct peer *peer, const struct refusal *refusal) {
	return peer_refuse(peer, &(struct msg_refusal){.code = refusal->code,
					 .has_limit = refusal->has_limit,
					 .has_retry = refusal->has_retry,
					 .limit = refusal->limit,
					 .retry_after_ms = refusal->retry_after_ms,
					 .words = text_from(refusal->words)});
}

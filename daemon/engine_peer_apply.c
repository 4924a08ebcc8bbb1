/* What a stream says of its run: into the core, if there is room for what comes of it. */
#include "engine_peer.h"

static void send_error(struct peer *peer, const struct apply_error *error) {
	struct msg_error answer = {.code = error->code,
		.words = text_from(error->words),
		.has_seq = true,
		.seq = error->seq};
	session_send(peer->session, &(struct message){.type = MSG_ERROR, .error = answer});
}

static enum session_verdict wait_for_commit(struct peer *peer) {
	if (!peer->held) {
		peer->held = true;
		peer->engine->n_held++;
		ledger_count_refusal(
			feed_of(stream_run(peer->stream))->tenant->holder, HOLDING_QUEUED);
	}
	return SESSION_LATER;
}

/* Its outbox is half full of what could be committed. */
static bool presses(const struct peer *peer) {
	return session_bytes(peer->session) - peer->bytes_cut > peer->outbox_bytes / 2;
}

static enum session_verdict conclude(struct peer *peer, struct feed *feed, enum apply_result result,
	const struct apply_error *error) {
	struct engine *e = peer->engine;

	switch (result) {
	case APPLY_REFUSED:
		send_error(peer, error);
		break;
	case APPLY_LATER:
		engine_settle(e, feed);
		return SESSION_LATER;
	case APPLY_OUT_OF_ORDER:
		return peer_refuse_order(peer, "a seq above the one that is wanted");
	case APPLY_BROKEN:
		engine_settle(e, feed);
		return SESSION_CLOSE;
	case APPLY_TAKEN:
	case APPLY_DISCARDED:
		break;
	}
	engine_settle(e, feed);
	return SESSION_READ_ON;
}

enum session_verdict peer_apply(
	struct peer *peer, const struct message *m, const struct decode_error *bad) {
	struct engine *e = peer->engine;
	struct apply_error error = {0};

	if (peer->stream == NULL) {
		return peer_refuse_order(peer, "OPEN must come before the stream's messages");
	}
	struct feed *feed = feed_of(stream_run(peer->stream));
	if (e->ending) {
		return SESSION_LATER;
	}
	if (!engine_make_room(e, feed)) {
		return wait_for_commit(peer);
	}
	enum apply_result result =
		m != NULL ? registry_apply(e->registry, peer->stream, m, engine_now(), &error)
			  : registry_apply_bad(e->registry, peer->stream, bad->seq, engine_now());
	if (m == NULL) {
		error.code = (enum error_code)bad->code;
		error.seq = bad->seq;
		memcpy(error.words, bad->words, sizeof bad->words);
	}
	if ((m != NULL && m->type == MSG_FINISH) || presses(peer)) {
		feed_hurry(e, feed);
	}
	return conclude(peer, feed, result, &error);
}

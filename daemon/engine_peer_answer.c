/* FLUSH and SNAPSHOT: answered once what they ask for has been applied. */
#include "engine_peer.h"

static void wait_for_answer(struct peer *peer) {
	if (!list_linked(&peer->waiting)) {
		list_append(&feed_of(stream_run(peer->stream))->waiting, &peer->waiting);
	}
	peer_answer(peer);
}

static void answer_flush(struct peer *peer) {
	if (stream_durable(peer->stream) >= peer->flush_through) {
		peer->has_flush = false;
		peer->acked = stream_durable(peer->stream);
		session_ack(peer->session, peer->acked);
	} else if (stream_applied(peer->stream) >= peer->flush_through) {
		peer->has_flush = false; /* the commit's ACK is the answer */
		feed_hurry(peer->engine, feed_of(stream_run(peer->stream)));
	}
}

static void send_state(struct peer *peer) {
	const struct run *run = stream_run(peer->stream);
	struct msg_state state = {.token = peer->snapshot.token};
	uint8_t *bytes = NULL;
	size_t len = 0;

	peer->has_snapshot = false;
	if (run_export(run, &bytes, &len, &state.step) < 0) {
		state.code = REFUSE_BUDGET;
		state.words = text_from("the daemon's memory is short");
		session_send(peer->session, &(struct message){.type = MSG_STATE, .state = state});
		return;
	}
	state.has_step = state.step != STEP_NONE;
	state.state = bytes;
	state.state_len = len;
	peer->sending_state = true;
	feed_of(run)->exporting = true;
	session_send_payload(
		peer->session, &(struct message){.type = MSG_STATE, .state = state}, bytes, len);
}

void peer_answer(struct peer *peer) {
	const struct feed *feed = feed_of(stream_run(peer->stream));

	if (peer->has_flush) {
		answer_flush(peer);
	}
	if (peer->has_snapshot && !feed->exporting &&
		stream_applied(peer->stream) >= peer->snapshot.through_seq) {
		send_state(peer);
	}
	if (!peer->has_flush && !peer->has_snapshot) {
		list_remove(&peer->waiting);
	}
}

enum session_verdict peer_flush(struct peer *peer, const struct msg_flush *flush) {
	if (peer->stream == NULL) {
		return peer_refuse_order(peer, "OPEN must come before FLUSH");
	}
	peer->has_flush = true;
	peer->flush_through = flush->through_seq;
	wait_for_answer(peer);
	return SESSION_READ_ON;
}

enum session_verdict peer_snapshot(struct peer *peer, const struct msg_snapshot *snapshot) {
	if (peer->stream == NULL) {
		return peer_refuse_order(peer, "OPEN must come before SNAPSHOT");
	}
	if (peer->sending_state) {
		return SESSION_LATER; /* until that one has left */
	}
	if (peer->has_snapshot) {
		struct msg_state replaced = {.token = peer->snapshot.token,
			.code = REFUSE_OUT_OF_ORDER,
			.words = text_from("a later snapshot was asked for")};
		session_send(
			peer->session, &(struct message){.type = MSG_STATE, .state = replaced});
	}
	peer->has_snapshot = true;
	peer->snapshot = *snapshot;
	wait_for_answer(peer);
	return SESSION_READ_ON;
}

void peer_state_sent(struct peer *peer) {
	if (peer->stream != NULL && peer->sending_state) {
		struct feed *feed = feed_of(stream_run(peer->stream));
		peer->sending_state = false;
		feed->exporting = false;
		engine_settle(peer->engine, feed); /* the next rank's */
	}
}

/* What connections say, and who answers: the life of a peer, its HELLO, and where each of its messages goes. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "engine_peer.h"

/* ---- the life of a peer ---- */

static struct peer *peer_create(struct engine *e, struct session *s) {
	struct peer *peer = calloc(1, sizeof *peer);
	if (peer != NULL) {
		peer->engine = e;
		peer->session = s;
		list_append(&e->peers, &peer->link);
		session_set_user(s, peer);
	}
	return peer;
}

void peer_detach(struct peer *peer) {
	if (peer->stream == NULL) {
		return;
	}
	if (peer->sending_state) {
		feed_of(stream_run(peer->stream))->exporting = false;
		peer->sending_state = false;
	}
	list_remove(&peer->waiting);
	peer->has_flush = peer->has_snapshot = false;
	stream_set_user(peer->stream, NULL);
	peer->stream = NULL;
}

void peer_resume(struct peer *peer) {
	if (peer->held) {
		peer->held = false;
		peer->engine->n_held--;
		session_resume(peer->session);
	}
}

/* The connection of this peer is over for its stream. */
static void disconnect(struct peer *peer) {
	struct engine *e = peer->engine;
	struct stream *stream = peer->stream;
	struct feed *feed = feed_of(stream_run(stream));

	peer_detach(peer);
	registry_disconnected(e->registry, stream, engine_now());
	feed_connection_ended(e, feed, stream);
	engine_settle(e, feed);
}

static void on_closed(void *user, struct session *s) {
	struct peer *peer = session_user(s);
	(void)user;

	if (peer == NULL) {
		return;
	}
	if (peer->query != NULL) {
		query_abandon(peer->query);
	}
	tenant_asks_no_more(peer);
	query_answer_read(peer);
	if (peer->held) {
		peer->engine->n_held--;
	}
	list_remove(&peer->link);
	if (peer->stream != NULL) {
		disconnect(peer);
	}
	free(peer);
}

void peer_drain(struct peer *peer) {
	if (session_drained(peer->session)) {
		session_close(peer->session); /* somebody else holds the socket open */
	}
}

/* ---- HELLO ---- */

static enum session_verdict say_hello(struct peer *peer, const struct msg_hello *hello) {
	struct engine *e = peer->engine;
	const char *unwelcome = peer_unwelcome(peer);

	if (unwelcome != NULL) {
		return peer_refuse(peer, &(struct msg_refusal){.code = REFUSE_NOT_PERMITTED,
						 .words = text_from(unwelcome)});
	}
	if (hello->version_min > PROTO_VERSION_MAX || hello->version_max < PROTO_VERSION_MIN) {
		char words[160];
		snprintf(words, sizeof words,
			"this daemon (%s) speaks versions %u to %u of the protocol, the client %u "
			"to %u",
			e->version, PROTO_VERSION_MIN, PROTO_VERSION_MAX, hello->version_min,
			hello->version_max);
		return peer_refuse(peer, &(struct msg_refusal){.code = REFUSE_VERSION,
						 .has_limit = true,
						 .limit = PROTO_VERSION_MAX,
						 .words = text_from(words)});
	}
	peer->role = hello->role;
	if (peer->role == ROLE_READER) {
		session_establish(peer->session, 0);
	}
	struct msg_welcome welcome = {
		.version = hello->version_max < PROTO_VERSION_MAX ? hello->version_max
								  : PROTO_VERSION_MAX,
		.daemon = text_from(e->version),
		.header_len_max = HEADER_LEN_MAX,
		.d_sae_max = D_SAE_MAX,
	};
	memcpy(welcome.db_id, store_db_id(e->store), DB_ID_SIZE);
	session_send(peer->session, &(struct message){.type = MSG_WELCOME, .welcome = welcome});
	return SESSION_READ_ON;
}

/* ---- what comes ---- */

static enum session_verdict on_message(void *user, struct session *s, const struct message *m) {
	struct engine *e = user;
	struct peer *peer = session_user(s);

	if (peer == NULL && (peer = peer_create(e, s)) == NULL) {
		return SESSION_CLOSE;
	}
	switch (m->type) {
	case MSG_HELLO:
		return say_hello(peer, &m->hello);
	case MSG_OPEN:
		return peer_open(peer, &m->open);
	case MSG_STEP:
	case MSG_LOG:
	case MSG_EVENT:
	case MSG_MARK:
	case MSG_RESTORE:
	case MSG_UPDATE:
	case MSG_DROPPED:
	case MSG_FINISH:
		return peer_apply(peer, m, NULL);
	case MSG_FLUSH:
		return peer_flush(peer, &m->flush);
	case MSG_SNAPSHOT:
		return peer_snapshot(peer, &m->snapshot);
	case MSG_QUERY:
		return peer->role == ROLE_READER
			       ? peer_query(peer, &m->query)
			       : peer_refuse_order(peer, "a trainer asks nothing");
	default:
		return peer_refuse(peer, &(struct msg_refusal){.code = REFUSE_MALFORMED,
						 .words = text_from("only the daemon sends this")});
	}
}

/* When reading stops, and goes on again. */
static enum session_verdict note_pace(void *user, struct session *s, const struct message *m) {
	enum session_verdict verdict = on_message(user, s, m);
	struct peer *peer = session_user(s);

	if (peer != NULL && (verdict == SESSION_LATER || peer->outbox.pause_begun_ms > 0)) {
		outbox_note(&peer->outbox, verdict == SESSION_LATER, clock_mono_ms());
	}
	return verdict;
}

static enum session_verdict on_bad_message(
	void *user, struct session *s, const struct decode_error *error) {
	struct peer *peer = session_user(s);
	(void)user;

	return peer_apply(peer, NULL, error);
}

static void on_payload_sent(void *user, struct session *s) {
	struct peer *peer = session_user(s);
	(void)user;

	query_answer_read(peer);
	peer_state_sent(peer);
	session_resume(s);
}

const struct session_callbacks engine_session_callbacks = {
	.on_message = note_pace,
	.on_bad_message = on_bad_message,
	.on_payload_sent = on_payload_sent,
	.on_closed = on_closed,
};

/* What connections say, and what they are answered. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "crash.h"
#include "engine_private.h"
#include "engine_say.h"
#include "log.h"

/* What a client is told to keep room for: a flood of 5 s of 16k features, or 16 of the largest steps. */
#define OUTBOX_BYTES_MIN (64u << 20)
#define OUTBOX_STEPS     16u

/* ---- refusals ---- */

static enum session_verdict refuse(struct peer *peer, const struct msg_refusal *refusal) {
	engine_say_refusal(peer->engine, peer->session, refusal->words);
	session_refuse(peer->session, refusal);
	return SESSION_CLOSE;
}

static enum session_verdict refuse_retry(
	struct peer *peer, enum refusal_code code, uint32_t retry_ms, const char *words) {
	return refuse(peer, &(struct msg_refusal){.code = code,
				    .has_retry = true,
				    .retry_after_ms = retry_ms,
				    .words = text_from(words)});
}

static enum session_verdict refuse_order(struct peer *peer, const char *words) {
	return refuse_retry(peer, REFUSE_OUT_OF_ORDER, RETRY_LATER_MS, words);
}

static enum session_verdict refuse_as(struct peer *peer, const struct refusal *refusal) {
	return refuse(peer, &(struct msg_refusal){.code = refusal->code,
				    .has_limit = refusal->has_limit,
				    .has_retry = refusal->has_retry,
				    .limit = refusal->limit,
				    .retry_after_ms = refusal->retry_after_ms,
				    .words = text_from(refusal->words)});
}

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
		return refuse(peer, &(struct msg_refusal){.code = REFUSE_NOT_PERMITTED,
					    .words = text_from(unwelcome)});
	}
	if (hello->version_min > PROTO_VERSION_MAX || hello->version_max < PROTO_VERSION_MIN) {
		char words[160];
		snprintf(words, sizeof words,
			"this daemon (%s) speaks versions %u to %u of the protocol, the client %u "
			"to %u",
			e->version, PROTO_VERSION_MIN, PROTO_VERSION_MAX, hello->version_min,
			hello->version_max);
		return refuse(peer, &(struct msg_refusal){.code = REFUSE_VERSION,
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

/* ---- OPEN ---- */

/* R4: the older connection ends, unread bytes included, before OPENED is computed. */
static void take_over(struct engine *e, const uint8_t stream_id[STREAM_ID_SIZE]) {
	struct stream *stream = registry_find_stream(e->registry, stream_id);
	if (stream == NULL || stream_user(stream) == NULL) {
		return;
	}
	struct peer *older = stream_user(stream);
	struct feed *feed = feed_of(stream_run(stream));
	peer_detach(older);
	session_close(older->session);
	registry_disconnected(e->registry, stream, engine_now());
	engine_settle(e, feed);
}

/* The run as the database has it comes first. 0, or refused. */
static int bring_run(struct peer *peer, const char *id, uint32_t world_size) {
	struct engine *e = peer->engine;
	const struct rejected_run *rejected = engine_find_rejected(e, id);
	struct run *run = registry_find(e->registry, id);

	if (rejected != NULL) {
		refuse(peer, &(struct msg_refusal){
				     .code = REFUSE_STORAGE, .words = text_from(rejected->words)});
		return -EEXIST;
	}
	if (run != NULL) {
		if (run_broken(run)) {
			refuse_retry(peer, REFUSE_STORAGE, RETRY_SOON_MS,
				"memory ran short; the run is being loaded again");
			return -ENOMEM;
		}
		return 0;
	}
	if (engine_retention_takes(e, id)) {
		refuse_retry(peer, REFUSE_STORAGE, RETRY_SOON_MS, "the run is being removed");
		return -EAGAIN;
	}
	struct asker asker = peer_asker(peer);
	struct refusal refusal;
	int err = engine_admit(e, id, &asker, world_size, &refusal);
	if (err > 0) {
		refuse_as(peer, &refusal);
		return -EDQUOT;
	}
	char why[ENGINE_LOAD_WORDS];
	if (err < 0) {
		snprintf(why, sizeof why, "%s", strerror(-err));
	} else {
		err = engine_load(e, id, why);
	}
	if (err == 0 || err == -ENOENT) {
		return 0;
	}
	char words[ENGINE_LOAD_WORDS + 64];
	snprintf(words, sizeof words, "the run cannot be read from the database now: %s", why);
	refuse_retry(peer, REFUSE_STORAGE, RETRY_LATER_MS, words);
	return err;
}

static uint64_t recommended_outbox(uint32_t d_sae) {
	uint64_t steps = (uint64_t)OUTBOX_STEPS * 4u * d_sae;
	return steps > OUTBOX_BYTES_MIN ? steps : OUTBOX_BYTES_MIN;
}

static void log_opened(const struct peer *peer, const struct msg_open *open, bool is_new_stream,
	const struct msg_opened *opened) {
	const char *id = run_id(stream_run(peer->stream));
	if (!is_new_stream) {
		log_debug("run %s: rank %u is back, wanted from %" PRIu64, id, open->rank,
			opened->wanted);
		return;
	}
	engine_say_opened(peer, open, opened->resumed);
}

static enum session_verdict opened(struct peer *peer, const struct msg_open *open,
	struct stream *stream, bool is_new_stream, struct msg_opened *answer) {
	struct engine *e = peer->engine;
	struct run *run = stream_run(stream);

	if (feed_of(run) == NULL && feed_create(e, run) < 0) {
		registry_disconnected(e->registry, stream, engine_now());
		return SESSION_CLOSE; /* the client comes again */
	}
	struct feed *feed = feed_of(run);
	peer->stream = stream;
	stream_set_user(stream, peer);
	peer->acked = answer->durable;
	peer->bytes_cut = session_bytes(peer->session);
	peer->outbox_bytes = recommended_outbox(open->d_sae);
	outbox_acked(&peer->outbox, peer->bytes_cut);
	if (answer->outbox_bytes == 0) {
		answer->outbox_bytes = peer->outbox_bytes;
	}
	session_establish(peer->session, PAYLOAD_LEN_MAX(open->d_sae));
	session_send(peer->session, &(struct message){.type = MSG_OPENED, .opened = *answer});
	CRASH_POINT("after-opened");
	log_opened(peer, open, is_new_stream, answer);
	feed_watch(e, feed, stream);
	engine_settle(e, feed);
	return SESSION_READ_ON;
}

static enum session_verdict open_stream(struct peer *peer, const struct msg_open *open) {
	struct engine *e = peer->engine;
	struct asker asker = peer_asker(peer);
	struct peer_identity identity = {
		.uid = asker.uid, .pid = session_pid(peer->session), .is_admin = asker.is_admin};
	struct stream *stream = NULL;
	struct msg_opened answer = {0};
	struct refusal refusal = {0};
	char id[RUN_ID_MAX + 1];

	if (peer->role != ROLE_TRAINER || peer->stream != NULL) {
		return refuse_order(peer,
			peer->stream != NULL ? "OPEN was said already" : "a reader opens no run");
	}
	if (e->ending) {
		return refuse_retry(
			peer, REFUSE_SHUTTING_DOWN, RETRY_LATER_MS, "the daemon is shutting down");
	}
	snprintf(id, sizeof id, "%.*s", (int)open->run.len, open->run.data);
	if (peer_may_take_over(peer, open->stream)) {
		take_over(e, open->stream); /* else it is refused below */
	}
	if (bring_run(peer, id, open->world_size) < 0) {
		return SESSION_CLOSE;
	}
	bool existed = registry_find(e->registry, id) != NULL;
	bool is_new = registry_find_stream(e->registry, open->stream) == NULL;
	int result = registry_open(e->registry, open, &identity, store_db_id(e->store),
		engine_now(), &stream, &answer, &refusal);
	if (result == 0) {
		if (!existed) {
			engine_retention_opened(e, stream_run(stream));
		}
		if (asker.uid == run_uid(stream_run(stream))) {
			engine_forward_opened(e, stream_run(stream), open);
		}
		return opened(peer, open, stream, is_new, &answer);
	}
	if (result > 0) {
		engine_retention_explain(e, id, asker.uid, &refusal);
		return refuse_as(peer, &refusal);
	}
	return refuse_retry(peer, REFUSE_STORAGE, RETRY_LATER_MS, "the daemon's memory is short");
}

/* ---- the stream's messages ---- */

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
		return refuse_order(peer, "a seq above the one that is wanted");
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

/* `m` is the message, or NULL and `bad` says why there is none. */
static enum session_verdict apply(
	struct peer *peer, const struct message *m, const struct decode_error *bad) {
	struct engine *e = peer->engine;
	struct apply_error error = {0};

	if (peer->stream == NULL) {
		return refuse_order(peer, "OPEN must come before the stream's messages");
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

/* ---- FLUSH and SNAPSHOT ---- */

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

static enum session_verdict flush(struct peer *peer, const struct msg_flush *flush) {
	if (peer->stream == NULL) {
		return refuse_order(peer, "OPEN must come before FLUSH");
	}
	peer->has_flush = true;
	peer->flush_through = flush->through_seq;
	wait_for_answer(peer);
	return SESSION_READ_ON;
}

static enum session_verdict snapshot(struct peer *peer, const struct msg_snapshot *snapshot) {
	if (peer->stream == NULL) {
		return refuse_order(peer, "OPEN must come before SNAPSHOT");
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

static void on_payload_sent(void *user, struct session *s) {
	struct peer *peer = session_user(s);
	(void)user;

	query_answer_read(peer);
	if (peer->stream != NULL && peer->sending_state) {
		struct feed *feed = feed_of(stream_run(peer->stream));
		peer->sending_state = false;
		feed->exporting = false;
		engine_settle(peer->engine, feed); /* the next rank's */
	}
	session_resume(s);
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
		return open_stream(peer, &m->open);
	case MSG_STEP:
	case MSG_LOG:
	case MSG_EVENT:
	case MSG_MARK:
	case MSG_RESTORE:
	case MSG_UPDATE:
	case MSG_DROPPED:
	case MSG_FINISH:
		return apply(peer, m, NULL);
	case MSG_FLUSH:
		return flush(peer, &m->flush);
	case MSG_SNAPSHOT:
		return snapshot(peer, &m->snapshot);
	case MSG_QUERY:
		return peer->role == ROLE_READER ? peer_query(peer, &m->query)
						 : refuse_order(peer, "a trainer asks nothing");
	default:
		return refuse(peer, &(struct msg_refusal){.code = REFUSE_MALFORMED,
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

	return apply(peer, NULL, error);
}

const struct session_callbacks engine_session_callbacks = {
	.on_message = note_pace,
	.on_bad_message = on_bad_message,
	.on_payload_sent = on_payload_sent,
	.on_closed = on_closed,
};

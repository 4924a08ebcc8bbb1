/* OPEN: the run comes into memory and the stream is its connection's, or it is refused. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "crash.h"
#include "engine_peer.h"
#include "engine_say.h"
#include "log.h"

/* What a client is told to keep room for: a flood of 5 s of 16k features, or 16 of the largest steps. */
#define OUTBOX_BYTES_MIN (64u << 20)
#define OUTBOX_STEPS     16u

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
		peer_refuse(peer, &(struct msg_refusal){.code = REFUSE_STORAGE,
					  .words = text_from(rejected->words)});
		return -EEXIST;
	}
	if (run != NULL) {
		if (run_broken(run)) {
			peer_refuse_retry(peer, REFUSE_STORAGE, RETRY_SOON_MS,
				"memory ran short; the run is being loaded again");
			return -ENOMEM;
		}
		return 0;
	}
	if (engine_retention_takes(e, id)) {
		peer_refuse_retry(peer, REFUSE_STORAGE, RETRY_SOON_MS, "the run is being removed");
		return -EAGAIN;
	}
	struct asker asker = peer_asker(peer);
	struct refusal refusal;
	int err = engine_admit(e, id, &asker, world_size, &refusal);
	if (err > 0) {
		peer_refuse_as(peer, &refusal);
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
	peer_refuse_retry(peer, REFUSE_STORAGE, RETRY_LATER_MS, words);
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

enum session_verdict peer_open(struct peer *peer, const struct msg_open *open) {
	struct engine *e = peer->engine;
	struct asker asker = peer_asker(peer);
	struct peer_identity identity = {
		.uid = asker.uid, .pid = session_pid(peer->session), .is_admin = asker.is_admin};
	struct stream *stream = NULL;
	struct msg_opened answer = {0};
	struct refusal refusal = {0};
	char id[RUN_ID_MAX + 1];

	if (peer->role != ROLE_TRAINER || peer->stream != NULL) {
		return peer_refuse_order(peer,
			peer->stream != NULL ? "OPEN was said already" : "a reader opens no run");
	}
	if (e->ending) {
		return peer_refuse_retry(
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
		return peer_refuse_as(peer, &refusal);
	}
	return peer_refuse_retry(
		peer, REFUSE_STORAGE, RETRY_LATER_MS, "the daemon's memory is short");
}

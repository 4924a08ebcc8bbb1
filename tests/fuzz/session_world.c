#include "session_world.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "engine_private.h"
#include "fake_clock.h"
#include "fake_store.h"
#include "fuzz.h"
#include "log.h"
#include "notes.h"
#include "session_private.h"
#include "text.h"

/* Small, so that a short input comes to the end of each. */
#define D_SAE_MOST     (32u << 10)
#define USER_MEMORY    ((2u << 20) + 48u * D_SAE_MOST)
#define RUNS_MAX       12u
#define RUN_HOLD_BYTES (64u << 10) /* rows come in chunks of 32 KiB */
#define HOLD_BYTES     (96u << 10)
#define FRAME_BYTES    (160u << 10)
#define SESSIONS_MAX   6u

#define NOTES_KEPT 4u

#define TURNS          2u /* what came is read; what is then due is cut */
#define TURNS_TO_CLOSE 1000u

/* ---- what is sent ---- */

static struct sent_stream *sent_of(struct world *w, const uint8_t id[STREAM_ID_SIZE]) {
	list_for_each(link, &w->sent) {
		struct sent_stream *s = container_of(link, struct sent_stream, link);
		if (memcmp(s->id, id, STREAM_ID_SIZE) == 0) {
			return s;
		}
	}
	struct sent_stream *s = calloc(1, sizeof *s);
	HOLDS(s != NULL);
	memcpy(s->id, id, STREAM_ID_SIZE);
	list_append(&w->sent, &s->link);
	return s;
}

static void note_sent(struct talk *t, uint64_t through) {
	if (!t->has_stream) {
		return;
	}
	struct sent_stream *s = sent_of(t->world, t->stream);
	s->through = through > s->through ? through : s->through;
	s->lap = t->lap;
	t->next_seq = through >= t->next_seq && through < SEQ_MAX ? through + 1 : t->next_seq;
}

/* The last of the seqs that the message stands for; 0: it has none. */
static uint64_t last_seq(const struct message *m) {
	return m->type == MSG_DROPPED ? m->dropped.seq + m->dropped.count - 1 : message_seq(m);
}

/* ---- notes ---- */

static struct note notes[NOTES_KEPT];
static uint32_t n_notes;

/* notes.h: a folder whose files nobody can remove, so that each start takes them all again. */
unsigned notes_each(
	const char *socket_path, void (*each)(void *user, const struct note *note), void *user) {
	(void)socket_path;
	for (uint32_t i = 0; i < n_notes; i++) {
		each(user, &notes[i]);
	}
	return n_notes;
}

/* What it says counts as sent. */
static void note_sent_by(struct world *w, struct note *note) {
	struct decoder *decoder = decoder_create();
	struct frame_view frame;
	struct message m;
	struct decode_error error;
	struct talk author = {.world = w};

	for (size_t at = 0;
		frame_next(note->bytes + at, note->len - at, 0, &frame) == FRAME_READY &&
		decode(decoder, &frame, &m, &error) == DECODE_OK;
		at += frame.total_len) {
		if (m.type == MSG_OPEN && !author.has_stream) {
			author.has_stream = true;
			memcpy(author.stream, m.open.stream, STREAM_ID_SIZE);
			memcpy(note->stream, m.open.stream, STREAM_ID_SIZE);
			note_sent(&author, m.open.first_seq - 1);
		}
		note_sent(&author, last_seq(&m));
	}
	decoder_destroy(decoder);
}

void world_leave_note(struct world *w, const uint8_t *data, size_t len) {
	if (n_notes == NOTES_KEPT || len > NOTE_BYTES_MAX) {
		return;
	}
	struct note *note = &notes[n_notes++];
	*note = (struct note){.uid = getuid(), .len = len};
	if (len > 0) {
		memcpy(note->bytes, data, len);
	}
	note_sent_by(w, note);
}

/* ---- between the server and the engine ---- */

static struct talk *talk_of(struct world *w, const struct session *s) {
	for (uint32_t i = 0; i < w->n_talks; i++) {
		if (w->talks[i].session == s) {
			return &w->talks[i];
		}
	}
	HOLDS(false); /* a session of no connection */
	return NULL;
}

static void note_open(struct talk *t, const struct msg_open *open) {
	const struct peer *peer = session_user(t->session);

	if (peer == NULL || peer->stream == NULL) {
		return;
	}
	HOLDS(memcmp(stream_id(peer->stream), open->stream, STREAM_ID_SIZE) == 0);
	t->has_stream = true;
	memcpy(t->stream, open->stream, STREAM_ID_SIZE);
	t->d_sae = open->d_sae;
	t->n_scalars = open->n_scalars;
	note_sent(t, open->first_seq - 1); /* what was before is a gap at most */
}

static enum session_verdict on_message(void *user, struct session *s, const struct message *m) {
	struct world *w = user;
	struct talk *t = talk_of(w, s);

	if (m->type == MSG_HELLO) {
		t->role = m->hello.role;
		t->version_max = m->hello.version_max;
	}
	note_sent(t, last_seq(m));
	enum session_verdict verdict = engine_session_callbacks.on_message(w->engine, s, m);
	if (m->type == MSG_OPEN && verdict == SESSION_READ_ON) {
		note_open(t, &m->open);
	}
	return verdict;
}

static enum session_verdict on_bad_message(
	void *user, struct session *s, const struct decode_error *error) {
	struct world *w = user;

	note_sent(talk_of(w, s), error->seq);
	return engine_session_callbacks.on_bad_message(w->engine, s, error);
}

static void on_payload_sent(void *user, struct session *s) {
	struct world *w = user;
	engine_session_callbacks.on_payload_sent(w->engine, s);
}

static void on_closed(void *user, struct session *s) {
	struct world *w = user;
	struct talk *t = talk_of(w, s);

	engine_session_callbacks.on_closed(w->engine, s);
	t->session = NULL;
}

static const struct session_callbacks callbacks = {
	.on_message = on_message,
	.on_bad_message = on_bad_message,
	.on_payload_sent = on_payload_sent,
	.on_closed = on_closed,
};

/* ---- what is answered ---- */

static void check_words(struct text words) {
	HOLDS(words.len > 0 && text_flaw(words, true) == NULL);
}

static void hear_refusal(struct talk *t, const struct msg_refusal *refusal) {
	HOLDS(refusal->code >= REFUSE_VERSION && refusal->code <= REFUSE_STORAGE);
	check_words(refusal->words);
	t->is_refused = true;
}

static void hear_welcome(struct talk *t, const struct msg_welcome *welcome) {
	HOLDS(!t->is_welcome);
	HOLDS(welcome->version >= PROTO_VERSION_MIN && welcome->version <= t->version_max);
	t->is_welcome = true;
}

static void hear_opened(struct talk *t, const struct msg_opened *opened) {
	HOLDS(t->is_welcome && t->role == ROLE_TRAINER && t->has_stream && !t->is_opened);
	HOLDS(opened->durable < opened->wanted);
	HOLDS(opened->durable <= fake_store_applied(t->stream));
	HOLDS(opened->wanted - 1 <= sent_of(t->world, t->stream)->through);
	HOLDS(opened->attempt >= 1 && opened->outbox_bytes > 0);
	t->is_opened = true;
	t->acked = opened->durable;
	t->next_seq = opened->wanted;
	t->next_step = opened->has_last_step ? opened->last_step + 1 : 0;
	t->lap = sent_of(t->world, t->stream)->lap;
}

/* R2: what is acked is committed, and never taken back. */
static void hear_ack(struct talk *t, uint64_t seq) {
	HOLDS(t->is_opened);
	HOLDS(seq >= t->acked);
	HOLDS(seq <= fake_store_applied(t->stream));
	HOLDS(seq <= sent_of(t->world, t->stream)->through);
	t->acked = seq;
}

static void hear_error(struct talk *t, const struct msg_error *error) {
	HOLDS(t->is_opened);
	HOLDS(error->code >= ERROR_BAD_MESSAGE && error->code <= ERROR_NO_ROOM);
	check_words(error->words);
	HOLDS(!error->has_seq || error->seq <= sent_of(t->world, t->stream)->through);
}

static void hear_state(struct talk *t, const struct msg_state *state) {
	struct world *w = t->world;

	HOLDS(t->is_opened);
	if (state->code != 0) {
		check_words(state->words);
		HOLDS(state->state_len == 0);
		return;
	}
	HOLDS(state->state_len > 0);
	HOLDS(!state->has_step || fake_store_state_is_sound(state->state, state->state_len));
	free(w->state);
	w->state = malloc(state->state_len);
	HOLDS(w->state != NULL);
	memcpy(w->state, state->state, state->state_len);
	w->state_len = state->state_len;
	w->state_step = state->has_step ? state->step : 0;
}

static void hear_reply(const struct talk *t, const struct msg_reply *reply) {
	HOLDS(t->is_welcome && t->role == ROLE_READER);
	if (reply->code != REPLY_OK) {
		check_words(reply->words);
	}
	if (reply->json_len > 0) {
		json_t *json = json_loadb((const char *)reply->json, reply->json_len, 0, NULL);
		HOLDS(json_is_object(json));
		json_decref(json);
	}
}

static void hear(struct talk *t, const struct message *m) {
	HOLDS(!t->is_refused); /* a refusal is the last word */
	switch (m->type) {
	case MSG_WELCOME:
		hear_welcome(t, &m->welcome);
		break;
	case MSG_REFUSAL:
		hear_refusal(t, &m->refusal);
		break;
	case MSG_OPENED:
		hear_opened(t, &m->opened);
		break;
	case MSG_ACK:
		hear_ack(t, m->ack.seq);
		break;
	case MSG_STOP:
		HOLDS(t->is_opened);
		check_words(m->stop.reason);
		break;
	case MSG_ERROR:
		hear_error(t, &m->error);
		break;
	case MSG_STATE:
		hear_state(t, &m->state);
		break;
	case MSG_REPLY:
		hear_reply(t, &m->reply);
		break;
	default:
		HOLDS(false); /* the daemon does not say this */
	}
}

static void read_answers(struct talk *t) {
	struct frame_view frame;
	struct message m;
	struct decode_error error;
	size_t at = 0;

	while (frame_next(t->in.data + at, t->in.len - at, REPLY_PAYLOAD_MAX, &frame) ==
		FRAME_READY) {
		HOLDS(answer_read(&frame, &m, &error) == DECODE_OK);
		hear(t, &m);
		at += frame.total_len;
	}
	if (at > 0) {
		memmove(t->in.data, t->in.data + at, t->in.len - at);
		t->in.len -= at;
	}
}

static void listen_to(struct talk *t) {
	static uint8_t bytes[16384];

	while (t->fd >= 0 && !t->is_over) {
		ssize_t n = recv(t->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			break;
		}
		if (n <= 0) {
			t->is_over = true;
			break;
		}
		HOLDS(buf_append(&t->in, bytes, (size_t)n) == 0);
	}
	if (t->in.len > 0) {
		read_answers(t);
	}
}

/* ---- connections ---- */

struct talk *talk_begin(struct world *w) {
	int fds[2];
	int small = 4096; /* the kernel makes the least of it */

	if (w->n_talks == TALKS_MAX) {
		return NULL;
	}
	HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	struct talk *t = &w->talks[w->n_talks++];
	*t = (struct talk){.fd = fds[1], .world = w, .next_seq = 1};
	uint32_t before = server_stats(w->server)->sessions;
	HOLDS(server_adopt(w->server, fds[0]) == 0);
	if (server_stats(w->server)->sessions >
		before) { /* else it was told that there are too many */
		t->session = container_of(w->server->sessions.prev, struct session, link);
	}
	return t;
}

void talk_hang_up(struct talk *t) {
	if (t->fd >= 0) {
		close(t->fd);
		t->fd = -1;
	}
}

void talk_send(struct talk *t, const uint8_t *data, size_t len) {
	for (uint32_t turns = 0; len > 0 && t->fd >= 0; turns++) {
		ssize_t n = send(t->fd, data, len, MSG_NOSIGNAL);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN && turns < TURNS) {
			world_turn(t->world);
		} else {
			talk_hang_up(t);
		}
	}
}

/* ---- everything, at any time ---- */

/* Rows that wait for their commit, and answers that nobody has read. */
static uint64_t queued_elsewhere(const struct engine *e, const struct holder *h) {
	uint64_t bytes = 0;

	list_for_each(of_tenant, &e->tenants) {
		const struct tenant *t = container_of(of_tenant, struct tenant, link);
		bytes += t->holder == h ? t->uncut_bytes + t->flight_bytes : 0;
	}
	list_for_each(of_peer, &e->peers) {
		const struct peer *peer = container_of(of_peer, struct peer, link);
		bytes += peer->reader != NULL && peer->reader->holder == h ? peer->answer_bytes : 0;
	}
	return bytes;
}

static void check_account(const struct world *w, const struct account *a) {
	const struct server *server = w->server;
	uint64_t charged = 0;
	uint32_t n_filling = 0, n_sessions = 0;

	list_for_each(link, &server->sessions) {
		const struct session *s = container_of(link, struct session, link);
		if (s->account == a) {
			HOLDS(s->in.len <= s->in.cap && s->in.cap <= s->in.charged);
			HOLDS(s->out_bytes <= SESSION_OUT_MAX);
			charged += s->in.charged;
			n_filling += s->in.filling;
			n_sessions++;
		}
	}
	HOLDS(a->holder->held.of[HOLDING_QUEUED] ==
		charged + queued_elsewhere(w->engine, a->holder));
	HOLDS(a->n_filling == n_filling && a->n_sessions == n_sessions);
	/* Above it: the one frame that is always let in, and what came in small reads. */
	HOLDS(charged <= FRAME_BYTES + HEADER_LEN_MAX + PAYLOAD_LEN_MAX(D_SAE_MOST) +
				 n_sessions * STAGING_SIZE);
}

static void check_streams(struct world *w) {
	struct registry *r = w->engine->registry;

	for (struct run *run = NULL; (run = registry_next(r, run)) != NULL;) {
		for (struct stream *s = NULL; (s = run_next_stream(run, s)) != NULL;) {
			HOLDS(stream_received(s) <= sent_of(w, stream_id(s))->through);
		}
	}
	core_check(r, getuid());
}

static void check(struct world *w) {
	list_for_each(link, &w->server->accounts) {
		check_account(w, container_of(link, struct account, link));
	}
	check_streams(w);
}

static void turn_once(struct world *w) {
	(void)uv_run(&w->loop, UV_RUN_NOWAIT);
	for (uint32_t i = 0; i < w->n_talks; i++) {
		if (!w->talks[i].is_deaf) {
			listen_to(&w->talks[i]);
		}
	}
}

void world_turn(struct world *w) {
	for (uint32_t i = 0; i < TURNS; i++) {
		turn_once(w);
		fake_store_answer(w->engine->store);
	}
	check(w);
}

/* ---- the daemon ---- */

static void start(struct world *w) {
	static struct holdings limits_of_users = {{
		[HOLDING_CONNECTIONS] = SESSIONS_MAX,
		[HOLDING_RUNS] = RUNS_MAX,
		[HOLDING_KEYS] = RUNS_MAX,
		[HOLDING_MEMORY] = USER_MEMORY,
		[HOLDING_QUEUED] = FRAME_BYTES,
		[HOLDING_DATABASE] = LEDGER_NO_LIMIT,
	}};
	const struct ledger_limits all = {
		.host_connections = LEDGER_NO_LIMIT,
		.host_memory = LEDGER_NO_LIMIT,
		.of_user = ledger_same_for_all,
		.user = &limits_of_users,
	};
	const struct engine_options options = {
		.database = "/nonexistent/metrics.db",
		.version = "0.0.0",
		.socket = "/nonexistent/socket",
		.scope = "user",
		.registry = {.rank_grace_ms = 120000,
			.ledger = &w->ledger,
			.stall_factor_pct = 1000,
			.stall_min_ms = 60000},
		.run_hold_bytes = RUN_HOLD_BYTES,
		.hold_bytes = HOLD_BYTES,
	};
	struct server_limits limits = server_default_limits;
	char words[256];

	ledger_init(&w->ledger, &all);
	HOLDS(engine_open(&w->loop, &options, &w->engine, words) == 0);
	HOLDS(server_open(&w->loop, &limits, &w->ledger, &callbacks, w, &w->server) == 0);
	engine_serve(w->engine, w->server);
}

static void on_engine_closed(void *user) {
	struct world *w = user;
	w->has_closed = true;
}

static void on_server_closed(void *user) {
	struct world *w = user;
	engine_close(w->engine, on_engine_closed, w);
}

static void on_ended(void *user) {
	struct world *w = user;
	w->has_ended = true;
}

static bool refused_are_closed(const struct world *w) {
	for (uint32_t i = 0; i < w->n_talks; i++) {
		const struct talk *t = &w->talks[i];
		if (t->fd >= 0 && t->is_refused && !t->is_over) {
			return false;
		}
	}
	return true;
}

/* Everybody listens to the end: who is refused is closed by that alone. */
static void listen_to_all(struct world *w) {
	for (uint32_t i = 0; i < w->n_talks; i++) {
		w->talks[i].is_deaf = false;
	}
	for (uint32_t turns = 0; turns < TURNS || !refused_are_closed(w); turns++) {
		HOLDS(turns < TURNS_TO_CLOSE);
		turn_once(w);
	}
}

/* What is under way is committed, and acked; a disk that was slow is first left to rest. */
static void end_engine(struct world *w) {
	w->has_ended = false;
	engine_end(w->engine, on_ended, w);
	for (uint32_t turns = 0; !w->has_ended; turns++) {
		HOLDS(turns < TURNS_TO_CLOSE);
		fake_store_end_commit(w->engine->store, COMMIT_DONE);
		fake_clock_pass(&w->loop, 1ull << (turns < 30 ? turns : 30));
		turn_once(w);
	}
}

static void stop(struct world *w, bool is_killed) {
	listen_to_all(w);
	if (!is_killed) {
		end_engine(w);
	}
	w->has_closed = false;
	server_close(w->server, on_server_closed, w);
	for (uint32_t turns = 0; !w->has_closed; turns++) {
		HOLDS(turns < TURNS_TO_CLOSE);
		turn_once(w);
	}
	for (uint32_t i = 0; i < w->n_talks; i++) {
		listen_to(&w->talks[i]);
		HOLDS(w->talks[i].session == NULL);
		HOLDS(w->talks[i].fd < 0 || w->talks[i].is_over);
	}
	ledger_finish(&w->ledger);
}

void world_restart(struct world *w, bool is_killed) {
	stop(w, is_killed);
	start(w);
}

void world_begin(struct world *w) {
	*w = (struct world){0};
	n_notes = 0;
	list_init(&w->sent);
	log_set_level(LOG_LEVEL_ERROR - 1);
	(void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	fake_clock_begin();
	fake_store_wipe();
	HOLDS(uv_loop_init(&w->loop) == 0);
	start(w);
}

void world_finish(struct world *w) {
	stop(w, false);
	HOLDS(uv_loop_close(&w->loop) == 0); /* nothing is left on it */
	fake_clock_end();
	fake_store_wipe();
	for (uint32_t i = 0; i < w->n_talks; i++) {
		talk_hang_up(&w->talks[i]);
		buf_finish(&w->talks[i].in);
	}
	for (struct list *link; (link = list_take_first(&w->sent)) != NULL;) {
		free(container_of(link, struct sent_stream, link));
	}
	free(w->state);
}

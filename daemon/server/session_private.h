/* Inside of a connection and of what all of them share: for the files of this layer alone. */
#pragma once

#include "buf.h"
#include "closing.h"
#include "intake.h"
#include "server.h"

/* Answers kept for a peer that does not read them; payloads apart. */
#define SESSION_OUT_MAX 65536u

/* How far something was, when: a byte a second is no progress. */
struct progress {
	uint64_t mark, since_ms;
};

static inline void progress_begin(struct progress *p, uint64_t mark, uint64_t now_ms) {
	*p = (struct progress){.mark = mark, .since_ms = now_ms};
}

enum session_phase {
	PHASE_OPEN = 0,
	PHASE_ENDING, /* nothing is read; closes when the last answer has left */
	PHASE_CLOSING /* uv_close was called */
};

struct session {
	struct list link;     /* server.sessions */
	struct list resuming; /* server.resuming */
	struct list resting;  /* account.resting: it is not its user's turn */
	struct server *server;
	struct account *account;
	uv_pipe_t pipe;
	void *user;
	uid_t uid;
	pid_t pid;
	enum session_phase phase;

	bool greeted, established;
	bool held;     /* the owner said later */
	bool resumed;  /* … and it may be offered again, which he said before that */
	bool reading;  /* uv_read_start is in effect */
	bool yielding; /* the turn was over before all that had come was offered */
	uint64_t payload_len_max;
	struct intake in;
	uint64_t received;
	uint64_t began_ms; /* accepted; when ENDING, the end's beginning */
	uint64_t received_at_tick;
	struct progress filling, sending; /* of a large frame; of a payload */

	struct buf pending; /* frames that wait for the write in flight */
	size_t out_bytes;   /* pending and in flight, payloads apart */
	uint32_t n_writes;  /* in flight */
	uint64_t ack_seq;   /* due when has_ack */
	bool has_ack, sending_payload;
	uint64_t queued; /* bytes ever handed to libuv */
};

struct server {
	uv_loop_t *loop;
	struct server_limits limits;
	const struct session_callbacks *callbacks;
	void *user;
	struct decoder *decoder;
	uint8_t *staging; /* [STAGING_SIZE] */
	struct list sessions, resuming, accounts;
	uint32_t n_accounts;
	struct ledger *ledger;
	uv_timer_t timer;
	uv_idle_t resumer;
	struct server_stats stats;

	/* turns.c */
	struct list broke; /* account.broke */
	uv_prepare_t turns;
	uv_idle_t awake; /* while somebody rests, the loop does not wait … */
	uint64_t awake_since_ns, asleep_ns;
	uv_timer_t pause; /* … but after some time of that it pauses */
	bool pauses;
	uint64_t paused_turn;  /* when it did last */
	uint64_t turn;         /* of the loop, counted */
	uint64_t accounted_ns; /* up to here the loop's time is somebody's */

	bool ending;
	struct closing closing;
	void (*on_closed)(void *user);
	void *on_closed_user;
};

/* session.c */
struct session *session_create(struct server *server);
/* A connected pipe, counted already: begins to read. */
void session_begin(struct session *s, struct account *account, uid_t uid, pid_t pid);
/* Never began: closes without telling the owner. */
void session_abandon(struct session *s);
/* What is queued leaves, then it closes. */
void session_end(struct session *s);

/* session_read.c */
/* Reads, or does not, as its state has it. */
void session_arrange_reading(struct session *s);
void session_offer_again(struct session *s);
/* Its frame may be read now. */
void session_admitted(struct session *s);
/* It is its user's turn again. */
void session_rested(struct session *s);

/* session_tick.c */
void session_tick(struct session *s, uint64_t now_ms);

/* session_refuse.c */
void session_refuse_in_words(struct session *s, enum refusal_code code, const char *words);
void session_refuse_payload(struct session *s);
void session_refuse_header(struct session *s, uint32_t header_len);
/* Its message cannot be taken yet, and its user holds too much for it to be kept: the peer comes again. */
void session_refuse_held(struct session *s);

/* session_write.c */
void session_flush(struct session *s);
bool session_all_written(const struct session *s);
uint64_t session_written(const struct session *s); /* bytes that left */

/* turns.c */
void turns_open(struct server *server);
void turns_close(struct server *server, struct closing *closing);
/* So many bytes of the session were read, or none: they were there. */
void turn_begin(struct session *s, size_t n_read);
/* What was done since is its user's; false: his part of this turn is used up. */
bool turn_goes_on(struct session *s);
bool account_is_broke(const struct account *a);
void account_spend(struct server *server, struct account *a, uint64_t ns);
/* Nothing is read of it until it is its user's turn. */
void session_rest(struct session *s);

/* server.c */
void server_wake_resumer(struct server *server);
/* The session is gone. */
void server_forget(struct server *server, struct session *s);
/* Memory of this account came free: those that wait for it read on. */
void server_admit(struct server *server, struct account *account);
/* Forgets an account of which nothing is left: no session, and no debt. */
void server_settle_account(struct server *server, struct account *account);
/* Somebody begins to wait: empty buffers of this account are given back. */
void server_trim(struct server *server, struct account *account);

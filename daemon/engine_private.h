/* Inside of the engine: for engine*.c alone. */
#pragma once

#include <string.h>

#include "access.h"
#include "cadence.h"
#include "closing.h"
#include "engine.h"
#include "engine_retention.h"
#include "engine_tenant.h"
#include "forward.h"
#include "hook.h"
#include "list.h"
#include "outbox_fill.h"
#include "process.h"
#include "space.h"
#include "viewer.h"

/* Refusals that may help later: when to come again. */
#define RETRY_SOON_MS  250u
#define RETRY_LATER_MS 2000u

#define KEY_NOTE_MAX 320u

/* What is written of a run at a time and is more holds up the acks of others. */
#define SMALL_CUT_BYTES (512u << 10)

/* A question that waits for the store. */
struct query {
	struct engine *engine;
	struct peer *peer; /* NULL: gone */
	uint64_t token;
	char reason[QUERY_REASON_MAX + 1]; /* of a stop; "": none was given */
	char *wandb_key;                   /* of a sync; wiped */
	struct tenant *tenant;             /* whose question it is */
	char key_note[KEY_NOTE_MAX]; /* of a sync: "" or why the key that came along is not here */
	bool take_over;
	char table[QUERY_WHAT_MAX + 1], after[QUERY_AFTER_MAX + 1]; /* of an export */
	char *sql;                                                  /* of a question in SQL */
	uint32_t timeout_ms;
	struct sql_ask *sql_ask; /* engine_sql.c; NULL: it is no such question, or over */
	bool is_made;            /* as tenant_made was told */
	bool has_at_tokens, trajectory, without_config; /* of points */
	uint64_t at_tokens;
	bool has_at_time; /* the same */
	double at_time;
	struct asker asker;            /* who asks for what follows */
	struct amendment *amendment;   /* of rm, tag, rename and ack */
	char kind[EVENT_KIND_MAX + 1]; /* of an ack */
	bool is_of_one_run;            /* the same */
	bool dry_run;                  /* of an rm */
	uint64_t waits_since_ms;       /* for the run's last commit; 0: it does not */
	struct list
		removing; /* engine.removing: its run is on its way out; or engine.waiting_to_remove */
	uint32_t points; /* of a status */
};

/* A connection. */
struct peer {
	struct list link;    /* engine.peers */
	struct list waiting; /* feed.waiting: for its flush or snapshot */
	struct engine *engine;
	struct session *session;
	enum peer_role role;
	struct stream
		*stream;    /* NULL: not opened, taken over by another connection, or forgotten */
	bool held;          /* its message waits until rows are committed */
	bool process_ended; /* what it had sent is read first */
	bool has_flush, has_snapshot, sending_state;
	uint64_t flush_through;
	uint64_t acked; /* it knows to be durable */
	struct msg_snapshot snapshot;
	uint64_t bytes_cut;    /* of its session, when its run was last cut */
	uint64_t outbox_bytes; /* as recommended to the client */
	struct outbox_fill outbox;
	struct query *query;   /* being answered */
	struct list asking;    /* tenant.asking: its question waits for others of its user */
	struct tenant *reader; /* his answer is on its way … */
	uint64_t answer_bytes; /* … and so long … */
	bool is_last_word;     /* … and ends his question */
};

/* The engine's part of a run. */
struct feed {
	struct list link;  /* engine.feeds */
	struct list dirty; /* engine.dirty */
	struct list waiting;
	struct list watches; /* run_watch.link */
	struct run *run;
	struct tenant *tenant; /* its user */
	struct pace pace;
	bool urgent;
	bool is_stored; /* its state files count among what its user has on disk */
	bool exporting; /* a STATE of it is under way: one at a time, so that states never outweigh runs */
	uint64_t dirty_ns; /* since when */
	size_t uncut_bytes;
	bool has_wanted_mark;
	uint32_t wanted_attempt, wanted_step;
	char shown_state[16]; /* as last logged */
	char told_state[16];  /* the same, to the hook */
	bool told_refused;    /* that W&B refuses it */
	uint32_t names_hash;  /* of what W&B was last told that it is called */
};

/* The process behind a stream. The stream is found by its id: the core may have dropped it. */
struct run_watch {
	struct process_watch process;
	struct list link; /* feed.watches */
	struct engine *engine;
	uint8_t stream[STREAM_ID_SIZE];
	bool ended;
};

/* A run whose rows collided with what is stored: nothing more of it is taken. */
struct rejected_run {
	struct list link; /* engine.rejected */
	char id[RUN_ID_MAX + 1];
	char words[256];
};

struct engine_sum;

#define USER_NAME_MAX 255u /* a longer one is cut */

/* Whose runs have been in memory. */
struct user {
	struct list link; /* engine.users */
	uint32_t uid;
	char name[USER_NAME_MAX + 1]; /* "": not known */
};

struct engine {
	uv_loop_t *loop;
	char *socket, *database;
	const char *version, *scope;
	struct access_rules access;
	const char *(*user_name)(void *user, uint32_t uid);
	void *user_name_user;
	struct list users;
	struct registry_options registry_options;
	uint64_t run_hold_bytes, hold_bytes;
	struct store *store;
	struct forward *forward;   /* NULL: nothing is forwarded */
	char forward_trouble[512]; /* "", or why not, although it is wanted */
	struct registry *registry;
	struct server *server;
	struct processes processes;
	struct list peers, feeds, rejected, notes;
	struct list removing, waiting_to_remove; /* questions */

	/* The cut. */
	struct list dirty;
	struct cadence cadence;
	struct list tenants;
	uv_timer_t ask_rest;          /* engine_tenant.c */
	bool large_turn, large_waits; /* of cuts, where several users have something due */
	uv_prepare_t
		before_wait; /* what this turn of the loop brought is cut before the next wait */
	uv_timer_t due;
	uint64_t earliest_ns;        /* no run is due before */
	bool in_flight;              /* cuts are with the store */
	uint64_t in_flight_since_ns; /* since when the oldest of them had waited */
	uint64_t commits;
	size_t uncut_bytes; /* of all feeds */
	uint32_t n_held;
	char trouble[512]; /* "" while commits succeed */
	char backup_trouble[512];

	/* The room on the disk. */
	struct space space;
	uv_timer_t space_timer;
	char space_words[512]; /* "" while there is enough */

	double backed_up; /* when the newest copy was made; 0: there is none */

	double held_since; /* nobody is acked; 0: all is well */
	struct engine_retention retention;
	struct hook hook;
	bool told_key_refused; /* the host's, by W&B, to the hook */

	uv_timer_t tick;
	uint64_t ticks;
	uint64_t bytes_at_start;      /* of the database, without its log */
	double started, previous_end; /* previous_end: when the database was last written before */
	uint64_t messages_at_tick;
	double messages_per_s;

	struct list sql_waiting; /* sql_ask.link */
	struct sql_ask *sql_now; /* is being answered; NULL: none */
	uint32_t sql_last_uid;   /* whose turn it was */

	bool ending;
	void (*on_ended)(void *user);
	void *on_ended_user;
	struct closing closing;
	void (*on_closed)(void *user);
	void *on_closed_user;
};

struct instant engine_now(void);

static inline struct text text_from(const char *words) {
	return text_of(words, strlen(words));
}

/* ---- engine.c ---- */

/* After each call of the core: what it wants done is done, and what it changed is noted. `feed` may be NULL. */
void engine_settle(struct engine *e, struct feed *feed);
/* Everything in memory is forgotten, as if the daemon had been killed: what the store has is loaded anew. */
void engine_forget_all(struct engine *e);
/* The last words of the end, once nothing is left to commit. */
void engine_check_end(struct engine *e);

/* ---- engine_peer.c ---- */

void peer_resume(struct peer *peer);
/* Its stream is another's or nobody's from now on. */
void peer_detach(struct peer *peer);
/* Its process has ended: closes it once everything it had sent is read. */
void peer_drain(struct peer *peer);

/* ---- engine_peer_answer.c ---- */

/* Asks for a commit, or sends a state, if what it waits for has been applied. */
void peer_answer(struct peer *peer);

/* ---- engine_access.c ---- */

struct asker peer_asker(const struct peer *peer);
/* Why he is not let in; NULL: he is. */
const char *peer_unwelcome(const struct peer *peer);
/* Nobody closes another user's connection by opening its stream. */
bool peer_may_take_over(const struct peer *peer, const uint8_t stream_id[STREAM_ID_SIZE]);
/* Which runs he sees. */
struct viewer engine_viewer(const struct engine *e, const struct asker *asker);

/* ---- engine_run.c ---- */

struct feed *feed_of(const struct run *run);
/* 0 or -ENOMEM. */
int feed_create(struct engine *e, struct run *run);
#define ENGINE_LOAD_WORDS 160u
/* Loads a run from the database: 0, -ENOENT, or broken; below 0 with words. */
int engine_load(struct engine *e, const char *id, char ret_words[ENGINE_LOAD_WORDS]);
void feed_watch(struct engine *e, struct feed *feed, const struct stream *stream);
/* The stream's connection has ended; if its process has, too, the core is told. */
void feed_connection_ended(struct engine *e, struct feed *feed, struct stream *stream);
/* The run, its streams and its connections. */
void feed_forget(struct engine *e, struct feed *feed, const struct msg_refusal *refusal);
void feed_finish_all(struct engine *e);
/* Forgets those that need not be in memory. */
void engine_evict(struct engine *e);
void feed_give_mark(struct engine *e, struct feed *feed);
const struct rejected_run *engine_find_rejected(const struct engine *e, const char *id);

/* ---- engine_commit.c ---- */

extern const struct store_callbacks engine_store_callbacks;
/* Its run may have something to commit. */
void feed_touch(struct engine *e, struct feed *feed);
/* Somebody waits for its commit. */
void feed_hurry(struct engine *e, struct feed *feed);
/* Whether more may be taken for this run; if not, what is in the way is committed soon. */
bool engine_make_room(struct engine *e, struct feed *feed);
void engine_commit(struct engine *e);

/* ---- engine_space.c ---- */

/* Looks at the disk, and from now on all the time. */
void engine_space_open(struct engine *e, uint64_t keep_free_bytes);
/* Whether nothing more is to be taken for want of room. */
bool engine_space_holds(const struct engine *e);
/* Whoever waited for room is read from again, if there is. */
void engine_space_resume(struct engine *e);

/* ---- engine_note.c ---- */

/* Those that are there at the start. */
void engine_take_notes(struct engine *e);
/* The run's effects are committed: its notes' files go. */
void engine_notes_committed(struct engine *e, const char *run_id);
/* Their effects are forgotten: the files stay for the next start. */
void engine_notes_forget(struct engine *e);

/* ---- engine_admit.c ---- */

/* Whether a run that is not in memory may come in: what its user has on disk, and, where it is loaded, whose it is and whether it
 * fits. 0; 1: refused, see *ret; or broken. */
int engine_admit(struct engine *e, const char *id, const struct asker *asker, uint32_t world_size,
	struct refusal *ret);
/* The same for one that is loaded to be told something: nothing is added to it, and whoever asks may. -ENOENT: there is none. */
int engine_admit_load(struct engine *e, const char *id, struct refusal *ret);
/* The same for one that nobody asks for: as far as the host's memory goes. */
bool engine_has_room_for(struct engine *e, const char *id);
/* What users have on disk, from the database: at the start, and when something was removed. */
void engine_count_usage(struct engine *e);
/* A cut of it was committed. */
void feed_note_stored(struct feed *feed, const struct run_cut *cut);

/* ---- engine_forward.c ---- */

/* Where it fails, that is said in the report and the log: all else goes on. */
void engine_forward_open(struct engine *e, const struct forward_options *options);
void engine_forward_close(struct engine *e, struct closing *closing);
/* The database is not what was thought. */
void engine_forward_again(struct engine *e);
void engine_forward_committed(struct engine *e, struct feed *feed, const struct run_cut *cut);
/* It ends where it is: nothing more of it is stored. */
void engine_forward_rejected(struct engine *e, const struct run_cut *cut);
/* Whether the run was given a key that is not the host's: in its first commit, so that no start ever sends it with that. */
bool engine_forward_has_own_key(const struct engine *e, const char *id);
/* A stream opened, for its run's own user: he may have handed a key over. */
void engine_forward_opened(struct engine *e, const struct run *run, const struct msg_open *open);
/* Why no more of this user's keys are kept. */
void engine_key_limit_words(const struct engine *e, uint32_t uid, char ret[LEDGER_WORDS_MAX]);

/* ---- engine_forward_look.c ---- */

/* The report's word on all of it … */
struct json_t *engine_forward_report(const struct engine *e, const struct engine_sum *sum);
/* … and on a run, laid over its object. */
void engine_forward_lay(const struct engine *e, const char *id, struct json_t *run);

/* ---- engine_report.c, engine_report_daemon.c ---- */

/* Over the store's report, what only the daemon knows. */
void engine_report_lay(struct engine *e, const struct asker *asker, struct json_t *report);
struct json_t *engine_report_daemon(struct engine *e);
/* From now on it is known how fast the database grows. */
void engine_report_begin(struct engine *e);

/* ---- engine_hide.c ---- */

/* Takes out of the report's object of the daemon what its asker may not see. */
void engine_hide(const struct engine *e, const struct asker *asker, struct json_t *daemon);

/* ---- engine_holding.c ---- */

/* Trainers' outboxes that fill within so long are worth waking somebody. */
#define HOLDING_ALERT_S 600.0

void engine_holding_tick(struct engine *e);
/* null, or since when nothing is taken, and when the first outbox is full. */
struct json_t *engine_holding_report(const struct engine *e);
/* The same of a run, laid over its object. */
void engine_holding_lay(const struct engine *e, const struct run *run, struct json_t *object);

/* ---- engine_query.c ---- */

enum session_verdict peer_query(struct peer *peer, const struct msg_query *query);
/* The peer is gone; its answer is dropped when it comes. The query is not the caller's any longer. */
void query_abandon(struct query *query);
/* The store has, or needs, nothing more to do with it: his next one need not wait. */
void query_is_made(struct query *query);
/* Asks the store, by store_report or store_find_run; on_report gets the query as its user, to free. */
typedef int (*query_ask_fn)(struct store *s, const char *run_part, const struct viewer *viewer,
	store_report_fn on_report, void *user);
enum session_verdict query_ask(struct peer *peer, const struct msg_query *query, query_ask_fn ask,
	store_report_fn on_report);
/* Its answer is there: who is owed a reply, and then a session_resume. NULL: nobody any more, or he was told
 * that there is no such run. */
struct peer *query_answered(struct query *query, int status, const char *words);
/* `document` may be NULL. */
void query_reply(struct peer *peer, uint64_t token, uint32_t code, const char *words,
	const struct json_t *document);
/* A JSON text instead, which it takes. */
void query_reply_text(struct peer *peer, uint64_t token, struct buf *text);

/* With its key. */
void query_free(struct query *query);
/* The peer's answer, if one was on its way, has left or will not. */
void query_answer_read(struct peer *peer);

/* ---- engine_target.c ---- */

#define TARGET_USER_MAX  64u /* names of users are shorter */
#define TARGET_ASKER_MAX 80u

/* A run as the database has it. */
struct target {
	const char *id, *state; /* the report's */
	char user[TARGET_USER_MAX + 1];
	uint32_t uid;
	bool is_forwarded;
};
/* The one that store_find_run found. */
struct target target_of(const struct json_t *report);
/* Its own user and administrators may do something to it; "stop" goes into the words when somebody else wants to. */
bool target_permits(
	const struct target *t, const struct asker *asker, const char *verb, char ret_words[512]);
/* Who it was that asked: his name where the run is his own. */
const char *target_asker_name(
	const struct target *t, const struct asker *asker, char out[TARGET_ASKER_MAX]);

/* ---- engine_report_limits.c ---- */

struct json_t *engine_report_limits(const struct engine *e);
/* The same of one user, and nothing of the host's. */
struct json_t *engine_report_limits_of(const struct engine *e, uint32_t uid);

/* ---- engine_users.c ---- */

/* A run of his came into memory. */
void engine_note_user(struct engine *e, uint32_t uid);
/* NULL: not known. Stays until the engine is closed. */
const char *engine_user_name(const struct engine *e, uint32_t uid);
/* Whether others than him have runs here: in memory since the start, or in the database. */
bool engine_is_shared(const struct engine *e, uint32_t uid);
void engine_users_finish(struct engine *e);

/* ---- engine_stop.c ---- */

enum session_verdict peer_stop(struct peer *peer, const struct msg_query *query);

/* ---- engine_amend.c ---- */

enum session_verdict peer_amend(struct peer *peer, const struct msg_query *query);
/* Whether it is one of those queries. */
bool peer_knows_amendment(struct text what);

/* ---- engine_amend_remove.c ---- */

/* Somebody asked for the run to be removed, and it is being done. */
bool engine_is_removing(const struct engine *e, const char *run_id);
/* Something was committed, or time has passed: runs that were waited for may go. */
void engine_remove_waiting(struct engine *e);
/* The end: they are not waited for any longer. */
void engine_remove_none(struct engine *e);

/* ---- engine_export.c ---- */

enum session_verdict peer_export(struct peer *peer, const struct msg_query *query);

/* ---- engine_sql.c ---- */

enum session_verdict peer_sql(struct peer *peer, const struct msg_query *query);
/* Whoever asked it is gone. If it is being answered that is ended; if it waits it does so no longer, and is freed. */
void engine_sql_abandon(struct query *query);
void engine_sql_close(struct engine *e, struct closing *closing);

/* ---- engine_points.c ---- */

enum session_verdict peer_points(struct peer *peer, const struct msg_query *query);

/* ---- engine_sync.c ---- */

enum session_verdict peer_sync(struct peer *peer, const struct msg_query *query);

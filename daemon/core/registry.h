/* All runs this daemon knows, and the streams that feed them: the core's face to the engine.
 *
 * The core is pure: it is told what happened and when, changes its state, and leaves rows in
 * each run's `changes`. It performs nothing, reads no clock, knows no socket. What it wants
 * done it leaves in queues that the engine drains after each call:
 * notices (an ERROR or STOP for a stream), unblocked streams, dirty runs.
 *
 *   run      a training run: profile, windows, per-feature arrays, open lines
 *   stream   what one rank of one process sends for one run, in seq order
 *   assembly where a step waits until all ranks of this host have brought their part */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "alert_rules.h"
#include "changes.h"
#include "closed_window.h"
#include "ledger.h"
#include "message.h"

/* Both clocks at one moment; the core never asks for another. */
struct instant {
	double wall;      /* seconds since 1970 */
	uint64_t mono_ms; /* monotonic, of this process */
};

struct registry;
struct run;
struct stream;

struct registry_options {
	uint64_t rank_grace_ms; /* 120,000 */
	struct ledger *
		ledger; /* borrowed: runs, and the memory they may take, are charged to their users */
	uint64_t stall_factor_pct; /* stalled after this × the usual step time … */
	uint64_t stall_min_ms;     /* … and at least this long */
	struct alert_rules alerts;
	/* Of runs with log_to_wandb: whether lines for W&B are kept, and without our own metrics. */
	bool forwards, forwards_without_ours;
};

/* Who is at the other end; from the kernel, not from the message. */
struct peer_identity {
	uint32_t uid;
	int32_t pid;   /* 0: unknown */
	bool is_admin; /* may append to anybody's run */
};

struct refusal {
	enum refusal_code code;
	bool has_limit, has_retry;
	uint64_t limit;
	uint32_t retry_after_ms;
	char words[256];
};

struct registry *registry_create(const struct registry_options *options);
void registry_destroy(struct registry *r);

/* Also ranks that are waited for already are waited for so long. */
void registry_set_rank_grace(struct registry *r, uint64_t ms);

/* From the next window of each run on. */
void registry_set_alerts(struct registry *r, const struct alert_rules *rules);

/* ---- runs ---- */

struct run *registry_find(struct registry *r, const char *run_id);
/* Iterates; NULL ends. */
struct run *registry_next(struct registry *r, struct run *after);
const char *run_id(const struct run *run);
uint32_t run_uid(const struct run *run); /* whose it is: who opened it first */
/* Its row is to be written again. */
void run_retell(struct run *run);
/* The engine's own pointer on a run, NULL at first. */
void run_set_user(struct run *run, void *user);
void *run_user(const struct run *run);

/* A run as the store kept it: `small` is what run_cut wrote, the arrays are taken over by
 * the core (NULL, NULL, NULL when their files did not match: the run goes on marked resumed).
 * 0, -ENOMEM, -EEXIST, -EBADMSG when `small` is not legible, or -EPROTO when its version is not one of those that are read. */
struct run_saved {
	const uint8_t *small;
	size_t small_len;
	uint32_t d_sae;
	uint32_t *window, *last; /* malloc'ed, [d_sae] */
	uint64_t *base;
};
int registry_restore(
	struct registry *r, struct run_saved *saved, struct instant now, struct run **ret_run);

#define REGISTRY_STATE_VERSION     9u /* as `small` is packed here */
#define REGISTRY_STATE_VERSION_MIN 5u /* the oldest that is read */
/* As this one was. */
uint32_t registry_state_version(const uint8_t *small, size_t len);

/* Forgets a run that has no streams connected and nothing uncommitted. */
void registry_evict(struct registry *r, struct run *run);
bool run_evictable(const struct run *run);

/* All it is has been committed. */
bool run_is_settled(const struct run *run);

/* Forgets a run as it is, its streams included: what was not committed comes again. */
void registry_forget(struct registry *r, struct run *run);
/* Memory ran short in the middle of a message. The run is treated as if the daemon had been killed for it
 * alone: it is never cut again; the engine closes its connections, forgets it and loads it anew. */
bool run_broken(const struct run *run);

/* ---- streams ---- */

/* OPEN, as decode lets it through: each field in its range. Creates the run if there is none of that
 * id (the engine has looked in the database first). 0: *ret_stream is this stream, connected, and
 * *ret_opened what to answer. 1: refused, see *ret_refusal. -ENOMEM. Idempotent by stream id; a
 * connected stream of that id must have been disconnected by the engine before (its older connection is
 * closed first). */
int registry_open(struct registry *r, const struct msg_open *open, const struct peer_identity *peer,
	const uint8_t db_id[DB_ID_SIZE], struct instant now, struct stream **ret_stream,
	struct msg_opened *ret_opened, struct refusal *ret_refusal);

struct stream *registry_find_stream(struct registry *r, const uint8_t id[STREAM_ID_SIZE]);

enum apply_result {
	APPLY_TAKEN = 0,    /* its effect is in, or it waits in memory for its turn: read on */
	APPLY_DISCARDED,    /* below wanted: read on */
	APPLY_REFUSED,      /* consumed, refused: *ret_error goes to the peer; read on */
	APPLY_LATER,        /* no room: keep it, stop reading, offer it again when unblocked */
	APPLY_OUT_OF_ORDER, /* above wanted: refuse the connection */
	APPLY_BROKEN        /* memory is short: drop the connection, the client resends */
};

struct apply_error {
	enum error_code code;
	uint64_t seq;
	char words[256];
};

/* One message of the stream (STEP, LOG, EVENT, MARK, RESTORE, UPDATE, DROPPED, FINISH). */
enum apply_result registry_apply(struct registry *r, struct stream *stream, const struct message *m,
	struct instant now, struct apply_error *ret_error);

/* A message whose seq could be read but nothing else: consumed in its turn as refused. */
enum apply_result registry_apply_bad(
	struct registry *r, struct stream *stream, uint64_t seq, struct instant now);

/* The streams of a run, those of its past launches that the core still keeps included; NULL ends. */
struct stream *run_next_stream(const struct run *run, struct stream *after);

/* The connection ended and every byte of it has been applied or discarded. What waits in memory for
 * other ranks stays. */
void registry_disconnected(struct registry *r, struct stream *stream, struct instant now);
/* The process behind the stream is known to be dead (pidfd; after a restart: the pid of the saved
 * stream is nobody's, or another's). */
void registry_process_dead(struct registry *r, struct stream *stream, struct instant now);

/* Time passes: grace of missing ranks, stalled runs. Call about once a second. */
void registry_tick(struct registry *r, struct instant now);

/* The engine's own pointer on a stream (its connection), NULL at first. */
void stream_set_user(struct stream *s, void *user);
void *stream_user(const struct stream *s);
struct run *stream_run(const struct stream *s);
const uint8_t *stream_id(const struct stream *s);
uint64_t stream_applied(const struct stream *s);  /* end of the contiguous applied prefix */
uint64_t stream_received(const struct stream *s); /* in memory: wanted − 1 */
uint64_t stream_durable(const struct stream *s);  /* committed: what OPENED says, what is acked */
int32_t stream_pid(const struct stream *s);
bool stream_connected(const struct stream *s);

/* ---- what the core wants done: drain after each call ---- */

struct notice {
	struct stream *stream;
	bool is_stop; /* STOP with words as the reason, else ERROR */
	enum error_code code;
	bool has_seq;
	uint64_t seq;
	char words[256];
};
bool registry_next_notice(struct registry *r, struct notice *ret);
struct stream *registry_next_unblocked(struct registry *r);

/* A run goes back to the step of a MARK, whose state the database holds (CHANGE_MARK): until it is
 * given, the run's STEPs wait (APPLY_LATER, or in memory with ranks). Given once it is committed; NULL
 * when it cannot be read: the run then goes on marked resumed. Borrowed for the call. */
struct wanted_mark {
	struct run *run;
	uint32_t attempt, step; /* the mark's */
};
bool registry_next_wanted_mark(struct registry *r, struct wanted_mark *ret);
void registry_give_mark(
	struct registry *r, struct run *run, const uint8_t *state, size_t len, struct instant now);

/* ---- the cut ---- */

struct stream_row {
	uint8_t id[STREAM_ID_SIZE];
	const char *launch;
	uint32_t rank;
	int32_t pid;
	uint64_t applied;
	uint64_t dropped, late, refused, gap; /* seqs that ended so */
	bool finished;
};

/* The run as `runs` shows it. Text may be NULL; of config, notes, tags and args, which may be large, NULL
 * means that they are as they were in the cut before. */
struct run_row {
	const char *id, *name, *project, *entity, *group_name, *job_type, *notes, *tags_json;
	const char *config_json, *summary_json, *args_json;
	const char *host, *program, *git_commit, *git_remote, *sweep_id, *source, *user;
	const char *profile, *architecture, *key_suffix, *launch, *state, *thresholds_json;
	uint32_t uid;
	int32_t pid;
	bool has_exit_code, is_private, log_to_wandb, resumed;
	bool forwards, forwards_ours; /* lines for W&B are kept; our own metrics are in them */
	bool forwards_own_key; /* with its user's key alone: for whoever is given keys to say */
	const char *forward_summary_json; /* for W&B; NULL unless it forwards */
	int32_t exit_code;
	uint32_t d_sae, d_in, world_size, attempt;
	uint32_t wandb_log_frequency, feature_sampling_window, dead_feature_window;
	uint64_t train_batch_size, context_size;
	uint32_t step; /* last folded, STEP_NONE */
	uint64_t n_training_tokens, n_tokens_folded, n_training_images;
	uint64_t total_training_tokens, total_training_steps;
	double started, last_seen, ended; /* 0: not yet */
	uint64_t messages, dropped, late, refused, gap, missing_steps;
	uint64_t rows_bytes;     /* about what this cut adds to the database */
	const char *waiting_for; /* words, or NULL */
	const char *end_words;   /* why it ended so, or NULL */
};

/* Everything of one run at one moment between two messages: rows, a copy of the state, and
 * the applied seq of every stream that changed since the cut before. Owns all it holds. */
struct run_cut {
	struct run_cut *next; /* for whoever holds it */
	struct run *run;      /* for the engine alone: the worker must not touch it */
	char run_id[RUN_ID_MAX + 1];
	struct changes changes;
	struct run_row row; /* text in `changes`' arena */
	uint32_t n_streams;
	struct stream_row *streams; /* in the arena */
	uint8_t *small;             /* everything but the arrays; in the arena */
	size_t small_len;
	uint32_t d_sae;
	uint64_t arrays_generation; /* grows with each cut that folded anything */
	bool arrays_changed;        /* `window` and `last` differ from the last cut */
	uint32_t *window, *last;    /* malloc'ed copies, NULL when not changed */
	bool base_changed;          /* a window closed, or a state was restored */
	uint64_t *base;             /* malloc'ed copy, NULL when not changed */
	struct closed_window
		*closed; /* owned; NULL: none has closed. Without totals `base` is them */
	struct front_news *
		front_news; /* the store's answer, too: owned; what is new on its project's front */
	int64_t forward_lines; /* the store's answer: lines for W&B decided so far, -1: it is not forwarded */
};

/* Runs with something to commit; NULL ends. */
struct run *registry_next_dirty(struct registry *r, struct run *after);
bool run_dirty(const struct run *run);
/* Bytes the next cut of this run will hold, about. */
size_t run_cut_size(const struct run *run);
/* Of these, the rows waiting for a cut: what grows while no commit succeeds. */
size_t run_uncut_bytes(const struct run *run);
/* Makes the cut and leaves the run clean. NULL when memory is short (nothing has changed). A run
 * is not evictable while a cut of it is neither committed nor given up with the registry. */
struct run_cut *run_cut(struct registry *r, struct run *run, struct instant now);
/* The cut is committed and synced: its streams are durable up to the seqs it held. */
void registry_committed(struct registry *r, const struct run_cut *cut);
void run_cut_destroy(struct run_cut *cut);

/* ---- for state_dict and for the CLI ---- */

/* A complete STATE blob (malloc'ed): the run after its last folded step. 0 or -ENOMEM. */
int run_export(const struct run *run, uint8_t **ret_state, size_t *ret_len, uint32_t *ret_step);

struct run_live {
	const char *state;
	uint32_t step; /* STEP_NONE */
	uint32_t streams_connected, world_size;
	double last_step_age_s;         /* < 0: none yet */
	double steps_per_s, rows_per_s; /* over the last steps; 0: not known */
	double window_fill;             /* 0 … 1 of the open sparsity window */
	char waiting_for[128];          /* "" or e.g. "rank 1 (never connected)" */
	char without[256];              /* "" or the ranks that are not waited for any longer … */
	double without_s;               /* … of which the newest has been missing for so long */
	uint64_t bytes;                 /* held for this run */
};
void run_live(const struct run *run, struct instant now, struct run_live *ret);

/* What became of a rank whose process died, or that is not waited for any longer, said once: for the log.
 * false: there is nothing to say. */
bool run_tell_of_rank(struct run *run, struct instant now, char *out, size_t size);

enum stop_result {
	STOP_ASKED = 0,
	STOP_ASKED_BEFORE, /* the first reason stays */
	STOP_ENDED         /* the run has, or its processes are dead: nobody is left to hear it */
};

/* Somebody asks the run's trainers to end. Those that are connected get a STOP, and so does each that
 * connects for this launch later, also after a restart. -ENOMEM. */
int run_ask_to_stop(struct run *run, const char *reason, struct instant now);
/* NULL: nobody asked this launch to stop. */
const char *run_stop_reason(const struct run *run);

/* Leaves an event of no step: something that whoever owns the registry knows of the run. `kind` is borrowed for good. */
void run_tell(struct run *run, const char *kind, const char *words, struct instant now);

/* Bytes held for all runs. */
uint64_t registry_bytes(const struct registry *r);
/* What a run is charged with: all it may ever come to take, with its copies. */
uint64_t run_bytes_needed(uint32_t d_sae, uint32_t world_size);

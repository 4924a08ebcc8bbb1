/* libsae-metrics: the trainer's side of sae-metricsd. Needs libc alone.
 *
 *	static const char *const scalars[] = {"mse_loss", "l1_loss"};
 *	struct saem_options options = SAEM_OPTIONS_INIT;
 *	options.project = "clip-b32";
 *	options.d_sae = 24576;
 *	options.scalars = scalars;
 *	options.n_scalars = 2;
 *
 *	struct saem_run *run;
 *	const char *why;
 *	if (saem_open(&options, &run, &why) < 0) {
 *		errx(1, "sae-metrics: %s", why);
 *	}
 *	for (...) {
 *		struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = 24576};
 *		saem_log_step(run, step, n_rows, &fired, NULL, (double[]){mse, l1}, NULL, 2);
 *	}
 *	saem_finish(run, 0, NULL, 10000);
 *	saem_close(run);
 *
 * A log call takes a mutex, copies what it was given into the run's bounded outbox, and returns.
 * One sender thread a process carries the outboxes of all its runs to the daemon, and keeps every
 * frame until the daemon has it on disk. Nothing here blocks on the daemon, the disk or the
 * network, grows without bound, raises SIGPIPE, aborts or exits, whether the daemon is healthy,
 * absent, stopped or out of disk. The calls that take a timeout may wait, and no longer than that.
 *
 * What a call returns is advice: a caller that looks at saem_open's result alone is correct.
 *
 * Threads: any thread may use any handle, but saem_close must be a handle's last call.
 * Fork: the child's copies of its parent's handles are inert; it may open runs of its own.
 * Exit: what was not finished ends with the process's own exit status, all runs together within
 * five seconds.
 *
 * Environment: SAE_METRICS_SOCKET says where the daemon listens; SAE_METRICS=off makes every
 * handle inert; SAE_METRICS_QUIET=1 keeps the library off stderr. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAEM_API __attribute__((visibility("default")))

/* What a call may say. Below zero is -errno: the call was misused and did nothing, and the words
 * of saem_get_stats say what was expected. */
enum saem_result {
	SAEM_QUEUED = 0,  /* kept until the daemon has it on disk; of a call that waits: done */
	SAEM_AWAY = 1,    /* kept, and there is no daemon at the moment */
	SAEM_DROPPED = 2, /* no room: counted, and told to the daemon in its place */
	SAEM_INERT = 3,   /* a forked child's handle, a finished run, or SAE_METRICS=off */
	SAEM_TIMEOUT = 4, /* the call ran into its deadline */
	SAEM_REFUSED = 5  /* the daemon refused, the words say why; a refused run keeps nothing */
};

/* What becomes of a message for which the outbox has no room. */
enum saem_when_full {
	SAEM_DROP_NEWEST = 0, /* it is dropped */
	SAEM_DROP_OLDEST = 1, /* older ones are dropped, to make room for it */
	SAEM_WAIT = 2         /* the call waits for room, then drops it */
};

struct saem_run;

/* What a run is opened with. Begin with SAEM_OPTIONS_INIT and set what you know; NULL and 0 mean
 * "not given". Everything is copied. What the daemon makes of it: PROTOCOL.md, section 3.2. */
struct saem_options {
	size_t size; /* of this structure, as the caller was compiled */

	/* Where the daemon listens: $SAE_METRICS_SOCKET if not given, else the user's own,
	 * $XDG_RUNTIME_DIR/sae-metricsd/socket or /tmp/sae-metricsd-UID/socket, or the system's,
	 * /run/sae-metricsd/socket. */
	const char *socket;

	/* Which run: an id of [A-Za-z0-9_-], 8 random characters if not given. With ranks it is
	 * made from the launch, the same on all of them if they open their runs in the same
	 * order. The launch is one start of the job: torchrun's or Slurm's with ranks, else
	 * random. */
	const char *run, *launch;
	uint32_t rank, world_size;               /* among this host's processes of the run */
	uint32_t global_rank, global_world_size; /* of the whole job, for information */
	const char *resume;                      /* "never", "allow" or "must"; "allow" */

	/* What it is called: as in wandb.init. Lists end with NULL. */
	const char *project, *entity, *name, *group, *job_type, *notes;
	const char *const *tags, *const *args;
	const char *config_json; /* an object */
	const char *program, *git_commit, *git_remote, *sweep_id;
	const char *source; /* which hook pushes */

	/* What it is measured with. */
	const char *profile, *architecture, *key_suffix;
	uint32_t d_sae, d_in;                                  /* no d_sae: a run without counts */
	uint32_t wandb_log_frequency, feature_sampling_window; /* 10, 1000 */
	uint32_t dead_feature_window;                          /* 5000 */
	int has_dead_feature_window;                           /* it is given, and may be 0 */
	uint32_t train_batch_size, context_size;
	uint64_t total_training_tokens, total_training_steps;
	uint64_t num_images, num_epochs, tokens_per_image;
	const double *thresholds;
	size_t n_thresholds;
	int has_min_l0, has_min_explained_variance;
	double min_l0, min_explained_variance;
	/* Positive: only its user, and the daemon's administrators, see it. Negative: everybody does, also
	 * one that was private. 0: as it was; at first everybody does. */
	int is_private;
	int log_to_wandb;
	const char *wandb_key; /* see wandb_key_any_user */

	/* The names of saem_log_step's scalars, in its order. */
	const char *const *scalars;
	size_t n_scalars;

	/* How much is kept while the daemon does not take it: 64 MiB or 16 dense steps, whichever
	 * is more. Memory is touched only when it is used. */
	uint64_t outbox_bytes;
	enum saem_when_full when_full;
	uint32_t when_full_wait_ms;

	int quiet; /* say nothing on stderr */

	/* wandb_key is the user's own key, for the daemon to forward this run with. It is used with
	 * log_to_wandb alone, said anew on each connection, kept in memory only (wiped when
	 * the handle is closed), and in no message or note of this library. A daemon of this process's own
	 * user is given it, and no other unless this is not 0; the daemon then uses a key of its
	 * own, and `status` says so where it has none. 64 bits, because an older caller's structure
	 * ends in padding that may hold anything. */
	uint64_t wandb_key_any_user;

	/* Whose key it is ("https://api.wandb.ai", or your own server's): a daemon that forwards elsewhere
	 * does not use it. NULL: it is for the daemon's W&B, whichever that is. */
	const char *wandb_base_url;
};

/* clang-format off */
#define SAEM_OPTIONS_INIT { .size = sizeof(struct saem_options) }
/* clang-format on */

/* Begins a run and returns at once, daemon or no daemon: 0 and *ret_run. -EINVAL: *ret_why (if not
 * NULL) says in one sentence which option it is and what was expected, until this thread opens
 * another. -ENOMEM. */
SAEM_API int saem_open(
	const struct saem_options *options, struct saem_run **ret_run, const char **ret_why);

/* Both live as long as the handle. A run without a name is called by its id. */
SAEM_API const char *saem_id(const struct saem_run *run);
SAEM_API const char *saem_name(const struct saem_run *run);

enum saem_counts_type {
	SAEM_NO_COUNTS = 0,
	SAEM_U8 = 1,
	SAEM_U16 = 2,
	SAEM_U32 = 3,
	SAEM_U64 = 4,
	SAEM_I32 = 5,
	SAEM_I64 = 6,
	SAEM_F32 = 7,
	SAEM_F64 = 8,
	SAEM_BOOL = 9,
	SAEM_PAIRS_U32 = 10 /* only some: data[i], a uint32_t, is the count of indices[i] */
};

/* One vector of per-feature counts, lent for the call. */
struct saem_counts {
	enum saem_counts_type type;
	const void *data;
	const uint32_t *indices; /* of pairs, strictly ascending */
	uint64_t n_entries;      /* d_sae; of pairs, how many */
};

/* One training step. `fired` says on how many of the batch's n_rows rows each feature was nonzero;
 * `positive`, where activations can be negative, on how many it was positive. Either may be NULL,
 * but not fired alone. The scalars come in the options' order; has[i] says whether this step has
 * the i-th (NULL: it has all). -EINVAL: a count that is negative, not whole or above n_rows; a step
 * above 2^31 - 3; n_rows 0; another number of features or scalars than the run was opened with. */
SAEM_API int saem_log_step(struct saem_run *run, uint32_t step, uint32_t n_rows,
	const struct saem_counts *fired, const struct saem_counts *positive, const double *scalars,
	const uint8_t *has, size_t n_scalars);

/* A step without statistics: it takes its place in the stream, and counts as dropped. */
SAEM_API int saem_skip(struct saem_run *run, uint32_t step);

/* clang-format off */
enum saem_value_kind {
	SAEM_FLOAT = 1,
	SAEM_INT = 2,
	SAEM_TEXT = 3,
	SAEM_HISTOGRAM = 4
};
/* clang-format on */

struct saem_value {
	const char *key;
	enum saem_value_kind kind;
	uint32_t n_bins; /* of a histogram */
	double number;
	int64_t integer;
	const char *text;
	const double *counts, *edges; /* n_bins of them, and one more */
};

#define SAEM_NO_STEP (-1) /* the step the run is at */

/* Anything else, under its own keys. */
SAEM_API int saem_log(
	struct saem_run *run, int64_t step, const struct saem_value *values, size_t n_values);

/* The trainer begins again: what is logged from here on is of another attempt of the run, kept beside what
 * there is, whatever its steps. saem_log_step sees it by itself where its step goes back; saem_log takes an older step for
 * a value that comes late. Where nothing was logged since the last attempt began, it changes nothing. */
SAEM_API int saem_begin_attempt(struct saem_run *run);

/* Something happened; kind is a word, such as "resample". */
SAEM_API int saem_event(struct saem_run *run, int64_t step, const char *kind, const char *text);

/* The trainer wrote a checkpoint after this step; text (may be NULL) says which. */
SAEM_API int saem_mark(struct saem_run *run, uint32_t step, const char *text);

/* Changes what the run is called, its config or its summary (JSON objects). NULL: unchanged. */
SAEM_API int saem_update(struct saem_run *run, const char *name, const char *notes,
	const char *config_json, const char *summary_json);
SAEM_API int saem_update_tags(struct saem_run *run, const char *const *tags);

/* Waits until everything logged so far is on the daemon's disk. Of a run that never met a daemon
 * no call waits for one: SAEM_AWAY. */
SAEM_API int saem_flush(struct saem_run *run, uint32_t timeout_ms);

/* The run's state after everything logged so far, as bytes for the trainer's own checkpoint, to be
 * given to saem_free; *ret_step is the step it is of, -1 before any. Handed to saem_restore in a
 * later process, on any host, before its first step, it makes the resumed run exact.
 * saem_restore: -EBADMSG when it is no state, or a damaged one. */
SAEM_API int saem_state(struct saem_run *run, uint32_t timeout_ms, void **ret_state,
	size_t *ret_len, int64_t *ret_step);
SAEM_API int saem_restore(struct saem_run *run, const void *state, size_t len);
SAEM_API void saem_free(void *memory);

/* 1 when somebody asked the run to stop; *ret_reason (may be NULL) lives as long as the handle. */
SAEM_API int saem_should_stop(struct saem_run *run, const char **ret_reason);

struct saem_stats {
	size_t size; /* of this structure, set by the caller */

	uint64_t messages; /* logged so far, dropped ones included */
	uint64_t acked;    /* of these: on the daemon's disk, or known there as dropped */
	uint64_t dropped;  /* for want of room, or skipped */
	uint64_t refused;  /* by the daemon, as bad */
	uint64_t outbox_bytes, outbox_bytes_max, outbox_frames;
	uint64_t bytes_sent, connects;
	int connected;
	int64_t last_step; /* of the run, as the daemon said when it was opened; -1: none */
	uint32_t attempt;  /* 0: the daemon has not opened it yet */
	int resumed;       /* the run existed before */
	char words[256];   /* the last trouble, a misused call's before a connection's; "": none */
};

SAEM_API int saem_get_stats(struct saem_run *run, struct saem_stats *ret);

/* Ends the run, and waits until the daemon has everything. `state` is "finished", "failed",
 * "preempted" or "stopped"; NULL: finished if exit_code is 0, else failed. The handle stays valid,
 * and inert, until saem_close; what was not delivered by then is tried in the background, and
 * noted for the daemon's next start. */
SAEM_API int saem_finish(
	struct saem_run *run, int exit_code, const char *state, uint32_t timeout_ms);

/* The same, and why: an exception's name and message, a signal's name. The first line counts, up to
 * 512 bytes of it; `status` and the database show it. NULL: nothing. */
SAEM_API int saem_finish_with(struct saem_run *run, int exit_code, const char *state,
	const char *words, uint32_t timeout_ms);

/* Ends every run of this process that is not finished, all within the one timeout; for whoever
 * knows that the process is about to end, and why. Their handles stay valid, and inert. SAEM_TIMEOUT
 * when some were not delivered by then. -EINVAL: no such state. */
SAEM_API int saem_finish_all(
	int exit_code, const char *state, const char *words, uint32_t timeout_ms);

/* For an interpreter whose handler of SIGTERM ends the process, but runs only when the interpreter gets
 * to it: a process that still lives so long after the signal dies of it, whatever waits for what. For
 * the handler that is installed now (-EINVAL: none); one that replaces it is not bound, and may not be where it calls the one
 * before. -errno. */
SAEM_API int saem_bound_sigterm(uint32_t timeout_ms);

/* Frees the handle, at once: what the daemon does not have is given up, and noted. NULL is fine. */
SAEM_API void saem_close(struct saem_run *run);

SAEM_API const char *saem_version(void);

/* Whether a daemon takes connections now, where saem_open would look for one without a socket of its options. Not needed
 * before saem_open: for whoever would start one where there is none. */
SAEM_API int saem_daemon_answers(void);

#ifdef __cplusplus
}
#endif

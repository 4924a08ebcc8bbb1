/* libsae-metrics: the trainer's side of sae-metricsd. Needs libc alone.
 *
 *	struct saem_options options = SAEM_OPTIONS_INIT;
 *	options.project = "clip-b32";
 *	options.d_sae = 24576;
 *	options.scalars = (const char *const[]){"mse_loss", "l1_loss"};
 *	options.n_scalars = 2;
 *
 *	struct saem_run *run;
 *	const char *why;
 *	if (saem_open(&options, &run, &why) < 0) {
 *		errx(1, "sae-metrics: %s", why);
 *	}
 *	for (…) {
 *		struct saem_counts fired = {.type = SAEM_U32, .data = counts, .n_entries = 24576};
 *		saem_log_step(run, step, n_rows, &fired, NULL, (double[]){mse, l1}, NULL, 2);
 *	}
 *	saem_finish(run, 0, NULL, 10000);
 *	saem_close(run);
 *
 * A log call takes a mutex, copies what it was given into the run's bounded outbox, and returns.
 * One sender thread a process carries the outboxes of all runs to the daemon and keeps every frame until the
 * daemon has it on disk. Nothing here blocks on the daemon, the disk or the network, grows without
 * bound, raises SIGPIPE, aborts or exits, whether the daemon is healthy, absent, stopped or out of
 * disk. The calls that take a timeout may wait, and no longer.
 *
 * What a call returns is advice: a caller that ignores every return value but saem_open's is correct.
 *
 * Threads: any thread may use any handle, except that saem_close must be a handle's last call. Fork:
 * the child's copies of its parent's handles are inert, and it may open runs of its own. Exit: whatever was
 * not finished is finished with the exit status of the process, all runs together in 5 seconds.
 *
 * Environment: SAE_METRICS_SOCKET (where the daemon listens), SAE_METRICS=off (every handle is inert),
 * SAE_METRICS_QUIET=1 (nothing on stderr). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAEM_API __attribute__((visibility("default")))

/* What a call may say. Below zero is -errno: the call was misused and did nothing; the words
 * of saem_get_stats say what was expected. */
enum saem_result {
	SAEM_QUEUED = 0,  /* kept until the daemon has it on disk; of a call that waits: done */
	SAEM_AWAY = 1,    /* kept, and there is no daemon at the moment */
	SAEM_DROPPED = 2, /* no room: counted, and told to the daemon in its place */
	SAEM_INERT = 3,   /* a forked child's handle, a finished run, or SAE_METRICS=off */
	SAEM_TIMEOUT = 4, /* a call with a deadline ran into it */
	SAEM_REFUSED = 5  /* the daemon refused: the words say why. A refused run keeps nothing */
};

/* What happens to a message the outbox has no room for. */
enum saem_when_full {
	SAEM_DROP_NEWEST = 0, /* it is dropped */
	SAEM_DROP_OLDEST = 1, /* the oldest ones are, to make room */
	SAEM_WAIT = 2         /* the call waits up to when_full_wait_ms for room; then it is dropped */
};

struct saem_run;

/* What a run is opened with. Begin with SAEM_OPTIONS_INIT and set what you know: 0 and NULL mean "not given". Everything is
 * copied. Meanings, ranges and defaults of what the daemon gets: PROTOCOL.md §3.2. */
struct saem_options {
	size_t size; /* sizeof(struct saem_options), as the caller was compiled */

	/* Where to, and which run. */
	const char *socket; /* $SAE_METRICS_SOCKET, $XDG_RUNTIME_DIR/sae-metricsd/socket, /run/sae-metricsd/socket */
	const char *run;    /* its id: 8 random of [a-z0-9]; with ranks made from the launch, the same on all */
	const char *launch; /* with ranks from torchrun's or Slurm's environment; else random */
	uint32_t rank, world_size;               /* among the processes of this host that make up the run: 0 of 1 */
	uint32_t global_rank, global_world_size; /* of the whole job, as information */
	const char *resume;                      /* "never", "allow" (default) or "must" */

	/* What it is called: as in wandb.init. */
	const char *project, *entity, *name, *group, *job_type, *notes;
	const char *const *tags; /* NULL-terminated */
	const char *const *args; /* NULL-terminated */
	const char *config_json; /* an object */
	const char *program, *git_commit, *git_remote, *sweep_id;
	const char *source; /* which hook pushes */

	/* What it is measured with. */
	const char *profile, *architecture, *key_suffix;
	uint32_t d_sae, d_in; /* d_sae not given: a run without counts */
	uint32_t wandb_log_frequency, feature_sampling_window; /* 10, 1000 */
	uint32_t dead_feature_window;                          /* 5000, unless: */
	int has_dead_feature_window;                           /* it is given, and 0 means 0 */
	uint32_t train_batch_size, context_size;
	uint64_t total_training_tokens, total_training_steps;
	uint64_t num_images, num_epochs, tokens_per_image;
	const double *thresholds;
	size_t n_thresholds;
	int has_min_l0, has_min_explained_variance;
	double min_l0, min_explained_variance;
	int is_private, log_to_wandb;
	const char *wandb_key;

	/* The names of saem_log_step's scalars, in its order. */
	const char *const *scalars;
	size_t n_scalars;

	/* Room. */
	uint64_t outbox_bytes; /* 64 MiB or 16 dense steps, whichever is more; touched only when used */
	enum saem_when_full when_full;
	uint32_t when_full_wait_ms;

	int quiet; /* say nothing on stderr */
};

#define SAEM_OPTIONS_INIT { .size = sizeof(struct saem_options) }

/* Begins a run and returns at once, daemon or no daemon. 0 and *ret_run; or -EINVAL, and *ret_why (when not
 * NULL) says in one sentence which option and what was expected, until this thread's next saem_open; or -ENOMEM. */
SAEM_API int saem_open(const struct saem_options *options, struct saem_run **ret_run, const char **ret_why);

/* Both live as long as the handle. A run without a name is called by its id. */
SAEM_API const char *saem_id(const struct saem_run *run);
SAEM_API const char *saem_name(const struct saem_run *run);

/* One vector of per-feature counts, lent for the call. */
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
	SAEM_PAIRS_U32 = 10 /* the nonzero ones only: data[i] is the count, u32, of feature indices[i] */
};

struct saem_counts {
	enum saem_counts_type type;
	const void *data;
	const uint32_t *indices; /* of pairs: strictly ascending */
	uint64_t n_entries;      /* d_sae; of pairs: how many */
};

/* One training step. `fired`: on how many of the batch's n_rows rows each feature was nonzero; `positive`: on how
 * many it was positive, where activations can be negative. Either may be NULL. scalars[n_scalars] are in
 * the options' order; has[n_scalars], or NULL for all, says which of them this step has. -EINVAL: a count that is
 * negative, no integer or above n_rows; a step above 2^31 - 3; n_rows 0; another number of scalars or features. */
SAEM_API int saem_log_step(struct saem_run *run, uint32_t step, uint32_t n_rows,
                           const struct saem_counts *fired, const struct saem_counts *positive,
                           const double *scalars, const uint8_t *has, size_t n_scalars);

/* A step without statistics: it takes its place in the stream, counted as dropped. */
SAEM_API int saem_skip(struct saem_run *run, uint32_t step);

enum saem_value_kind {
	SAEM_FLOAT = 1,
	SAEM_INT = 2,
	SAEM_TEXT = 3,
	SAEM_HISTOGRAM = 4
};

struct saem_value {
	const char *key;
	enum saem_value_kind kind;
	double number;                /* FLOAT */
	int64_t integer;              /* INT */
	const char *text;             /* TEXT */
	const double *counts, *edges; /* HISTOGRAM: n_bins and n_bins + 1 of them */
	uint32_t n_bins;
};

#define SAEM_NO_STEP (-1) /* the step the run is at */

/* Anything else, under its own keys. */
SAEM_API int saem_log(struct saem_run *run, int64_t step, const struct saem_value *values, size_t n_values);

/* Something happened; kind is a word, e.g. "resample". */
SAEM_API int saem_event(struct saem_run *run, int64_t step, const char *kind, const char *text);

/* The trainer wrote a checkpoint after `step`; text (may be NULL) says which. */
SAEM_API int saem_mark(struct saem_run *run, uint32_t step, const char *text);

/* Changes what the run is called, its config or its summary (JSON objects); NULL: unchanged. */
SAEM_API int saem_update(struct saem_run *run, const char *name, const char *notes,
                         const char *config_json, const char *summary_json);
SAEM_API int saem_update_tags(struct saem_run *run, const char *const *tags);

/* Waits until everything logged so far is on the daemon's disk. */
SAEM_API int saem_flush(struct saem_run *run, uint32_t timeout_ms);

/* The run's state after everything logged so far, as bytes for the trainer's own checkpoint (saem_free them).
 * *ret_step is the step it is of, -1 before any. Handed back to saem_restore in a later process, before its first step, on
 * any host, it makes the resumed run exact. saem_restore: -EBADMSG when it is no state or a damaged one. */
SAEM_API int saem_state(struct saem_run *run, uint32_t timeout_ms, void **ret_state, size_t *ret_len,
                        int64_t *ret_step);
SAEM_API int saem_restore(struct saem_run *run, const void *state, size_t len);
SAEM_API void saem_free(void *memory);

/* 1 when somebody asked this run to stop; *ret_reason (may be NULL) lives as long as the handle. */
SAEM_API int saem_should_stop(struct saem_run *run, const char **ret_reason);

struct saem_stats {
	size_t size;               /* sizeof(struct saem_stats), set by the caller */
	uint64_t messages;         /* logged so far, dropped ones included */
	uint64_t acked;            /* of these, on the daemon's disk or known to it as dropped */
	uint64_t dropped, refused; /* by us for want of room; by the daemon as bad */
	uint64_t outbox_bytes, outbox_bytes_max, outbox_frames; /* held now, at most, and in how many frames */
	uint64_t bytes_sent, connects;
	int connected;
	int64_t last_step; /* of the run, as the daemon said when it was opened; -1: none */
	uint32_t attempt;  /* 0: not opened yet */
	int resumed;       /* the run existed before */
	char words[256];   /* the last trouble in one sentence; "": none */
};

SAEM_API int saem_get_stats(struct saem_run *run, struct saem_stats *ret);

/* Ends the run and waits until the daemon has everything, or for timeout_ms; a run that never met a daemon does not
 * wait for one. `state` is NULL (finished for 0, else failed), "finished", "failed", "preempted" or
 * "stopped". The handle stays valid, and inert, until saem_close. What could not be delivered by then is
 * still tried in the background, and noted for the daemon's next start. */
SAEM_API int saem_finish(struct saem_run *run, int exit_code, const char *state, uint32_t timeout_ms);

/* Frees the handle at once; what the daemon does not have yet is given up, and noted. NULL is fine. */
SAEM_API void saem_close(struct saem_run *run);

SAEM_API const char *saem_version(void);

#ifdef __cplusplus
}
#endif

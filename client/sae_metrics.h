/* libsae-metrics: the trainer's side of sae-metricsd. Needs libc only.
 *
 * A log call takes a mutex, copies what it was given into the run's bounded outbox and returns;
 * one sender thread a process talks to the daemon. Nothing here blocks on the daemon, the disk
 * or the network, raises SIGPIPE, aborts or exits, whether the daemon is healthy, absent,
 * stopped or out of disk. What a call returns is advice: a caller that ignores every return value is correct.
 *
 * After fork() the child's handles are inert: every call returns SAEM_INERT at once.
 *
 * Threads: any thread may use any handle; steps of one run should come from one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAEM_API __attribute__((visibility("default")))

/* What a call may say. Below zero is -errno: the call was misused and did nothing. */
enum saem_result {
	SAEM_QUEUED = 0,  /* kept until the daemon has it on disk */
	SAEM_AWAY = 1,    /* the same, and there is no daemon at the moment */
	SAEM_DROPPED = 2, /* no room: counted, and told to the daemon in its place */
	SAEM_INERT = 3,   /* a forked child's handle, or a run already finished */
	SAEM_TIMEOUT = 4, /* a call with a deadline ran into it */
	SAEM_REFUSED = 5  /* the daemon refused this run; saem_stats.words say why */
};

enum saem_when_full {
	SAEM_DROP_NEWEST = 0,
	SAEM_DROP_OLDEST = 1,
	SAEM_WAIT = 2 /* wait up to when_full_wait_ms, then drop the newest */
};

typedef struct saem_run saem_run;

/* Zero it (or use SAEM_OPTIONS_INIT), set what you know. Text is copied; NULL or 0 means "not
 * given". Meanings and defaults: PROTOCOL.md §3.2, experience of wandb.init. */
struct saem_options {
	size_t size; /* sizeof(struct saem_options) of the caller */
	const char *socket; /* NULL: $SAE_METRICS_SOCKET, $XDG_RUNTIME_DIR/…, /run/… */
	const char *run;    /* NULL: 8 random of [a-z0-9] */
	const char *launch; /* NULL: torchrun's or Slurm's from the environment, else random */
	uint32_t rank, world_size;               /* of this host; world_size 0: one */
	uint32_t global_rank, global_world_size; /* 0: as above */
	const char *resume; /* "never", "allow", "must" */
	const char *project, *entity, *name, *group, *job_type, *notes;
	const char *const *tags; /* NULL-terminated */
	const char *const *args; /* NULL-terminated */
	const char *config_json;
	const char *program, *git_commit, *git_remote, *sweep_id, *source;
	const char *profile, *architecture, *key_suffix;
	uint32_t d_sae, d_in;
	uint32_t wandb_log_frequency, feature_sampling_window; /* 0: 10, 1000 */
	int64_t dead_feature_window;                           /* < 0 or 0 with has_dead_feature_window 0: 5000 */
	int has_dead_feature_window;
	uint32_t train_batch_size, context_size;
	uint64_t total_training_tokens, total_training_steps;
	uint64_t num_images, num_epochs, tokens_per_image;
	const double *thresholds;
	size_t n_thresholds;
	int has_min_l0, has_min_explained_variance;
	double min_l0, min_explained_variance;
	int is_private, log_to_wandb;
	const char *wandb_key;
	const char *const *scalars; /* names of saem_log_step's scalars */
	size_t n_scalars;
	uint64_t outbox_bytes;   /* 0: 64 MiB or 16 dense frames, whichever is more */
	enum saem_when_full when_full;
	uint32_t when_full_wait_ms;
	int quiet; /* say nothing on stderr */
};

#define SAEM_OPTIONS_INIT { .size = sizeof(struct saem_options) }

/* Begins a run: returns at once, daemon or no daemon. 0 and *ret_run, or -EINVAL (and
 * *ret_why, when not NULL, says in one static-lifetime or thread-local sentence which option and what was
 * expected), -ENOMEM. */
SAEM_API int saem_open(const struct saem_options *options, saem_run **ret_run, const char **ret_why);

SAEM_API const char *saem_id(const saem_run *run);   /* lives as long as the handle */
SAEM_API const char *saem_name(const saem_run *run);

/* One vector of per-feature counts, d_sae long, or pairs. Borrowed for the call. */
enum saem_counts_type {
	SAEM_NO_COUNTS = 0,
	SAEM_U8, SAEM_U16, SAEM_U32, SAEM_U64, SAEM_I32, SAEM_I64, SAEM_F32, SAEM_F64, SAEM_BOOL,
	SAEM_PAIRS_U32 /* data: n_entries indices u32 ascending; data2: n_entries counts u32 */
};
struct saem_counts {
	enum saem_counts_type type;
	const void *data;
	const void *data2;
	uint64_t n_entries; /* pairs; else d_sae */
};

/* One training step. `fired`: on how many of n_rows rows each feature was nonzero; `positive`
 * (may be NULL): on how many it was positive, where activations can be negative.
 * scalars[n_scalars] in the order of the options; has[n] (may be NULL: all) says which this step
 * has. Negative: -EINVAL (a count above n_rows, not an integer, negative; step out of
 * range; n_scalars not that of the options). */
SAEM_API int saem_log_step(saem_run *run, uint32_t step, uint32_t n_rows,
                           const struct saem_counts *fired, const struct saem_counts *positive,
                           const double *scalars, const uint8_t *has, size_t n_scalars);

enum saem_value_kind { SAEM_FLOAT = 1, SAEM_INT = 2, SAEM_TEXT = 3, SAEM_HISTOGRAM = 4 };
struct saem_value {
	const char *key;
	enum saem_value_kind kind;
	double number;
	int64_t integer;
	const char *text;
	const double *counts, *edges; /* n_bins, n_bins + 1 */
	uint32_t n_bins;
};
#define SAEM_NO_STEP (-1)

SAEM_API int saem_log(saem_run *run, int64_t step, const struct saem_value *values, size_t n_values);
SAEM_API int saem_event(saem_run *run, int64_t step, const char *kind, const char *text);
/* The trainer wrote a checkpoint after `step`. */
SAEM_API int saem_mark(saem_run *run, uint32_t step, const char *text);
/* Later changes of name, notes, config, summary (NULL: unchanged). */
SAEM_API int saem_update(saem_run *run, const char *name, const char *notes, const char *config_json,
                         const char *summary_json);
/* A step the trainer had no statistics for: consumes its place, counted as dropped. */
SAEM_API int saem_skip(saem_run *run, uint32_t step);

/* Waits until everything logged so far is on the daemon's disk: 0, SAEM_TIMEOUT, SAEM_INERT, SAEM_REFUSED. */
SAEM_API int saem_flush(saem_run *run, uint32_t timeout_ms);

/* The run's state after everything logged so far: bytes for the trainer's checkpoint, free() them with saem_free.
 * 0, SAEM_TIMEOUT, …; *ret_step is -1 before any step. */
SAEM_API int saem_state(saem_run *run, uint32_t timeout_ms, void **ret_state, size_t *ret_len,
                        int64_t *ret_step);
SAEM_API void saem_free(void *memory);
/* Hands a state back, before the first step. -EBADMSG when it is not one, or is damaged. */
SAEM_API int saem_restore(saem_run *run, const void *state, size_t len);

/* 1 when somebody asked this run to stop; *ret_reason (may be NULL) lives as long as the handle. */
SAEM_API int saem_should_stop(saem_run *run, const char **ret_reason);

struct saem_stats {
	size_t size; /* sizeof, set by the caller */
	uint64_t messages;  /* seqs given */
	uint64_t acked, dropped, refused;
	uint64_t outbox_bytes, outbox_bytes_max, outbox_frames;
	uint64_t bytes_sent, connects;
	int connected;
	int64_t last_step;  /* as the daemon said at open; -1: none */
	uint32_t attempt;   /* 0: not opened yet */
	int resumed;
	char words[256];    /* the last trouble, "" when none */
};
SAEM_API int saem_get_stats(saem_run *run, struct saem_stats *ret);

/* Ends the run: FINISH, then waits until the daemon has everything or the deadline. The handle
 * stays valid (inert) until saem_close. state NULL: finished for 0, failed otherwise. */
SAEM_API int saem_finish(saem_run *run, int exit_code, const char *state, uint32_t timeout_ms);

/* Frees the handle; what was not delivered is given up (counted in a note for the daemon). NULL is fine. */
SAEM_API void saem_close(saem_run *run);

SAEM_API const char *saem_version(void);

#ifdef __cplusplus
}
#endif

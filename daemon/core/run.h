/* A training run, and all that is kept of it between two messages. Private to the core.
 *
 *   config      the numbers that decide its rows
 *   facts       what it says of itself in words
 *   launch      the start of the job whose streams feed it, rank by rank
 *   attempt     a launch's or lap's part of its history
 *   position    the step it stands after, and the state of that step: firing, window, schedule
 *   lines       what is logged and not closed
 *   changes     rows that wait for a cut */
#pragma once

#include "assembly.h"
#include "extras.h"
#include "facts.h"
#include "closed_window.h"
#include "firing.h"
#include "lines.h"
#include "list.h"
#include "pack.h"
#include "place.h"
#include "profile.h"
#include "registry.h"
#include "run_alerts.h"
#include "schedule.h"
#include "summary.h"
#include "window.h"

#define LAUNCHES_REMEMBERED  16u  /* ended ones, so that a straggler does not pass for a new one */
#define STREAMS_REMEMBERED   128u /* with those of the launch, at most 64 */
#define RUN_FEATURE_BYTES    16u  /* struct firing */
#define CLOSED_FEATURE_BYTES 8u   /* struct closed_window */
/* What a feature may come to take: the state, its copy in a cut that is written, its copy in a STATE that is sent. Of either
 * there is one at a time. And a closed window's counts, in a cut that is written and for the one to come. */
#define RUN_FEATURE_BYTES_MAX (3u * RUN_FEATURE_BYTES + 2u * CLOSED_FEATURE_BYTES)
/* … and a run beside its features: open lines, summary, texts and streams, each at its own limit. */
#define RUN_OWN_BYTES_MAX (2u << 20)
#define BLAMES_MAX        32u   /* steps ahead of the run: four a rank pend, others were dropped */
#define DISAGREE_EVERY    1000u /* steps between two events about one metric */
#define NOT_FINITE_NOW    UINT32_MAX /* no further event before it is a number again */

struct run_config {
	const struct profile *profile;
	char key_suffix[NAME_MAX_BYTES + 1];
	enum architecture architecture;
	uint32_t log_every, window_steps, dead_window;
	uint64_t batch;                     /* 0: the rows of its first step, not seen yet */
	uint64_t context;                   /* at least 1 */
	uint64_t total_tokens, total_steps; /* 0: not known */
	uint32_t n_thresholds;
	double thresholds[THRESHOLDS_MAX];
	double min_l0, min_explained_variance; /* 0: not given, and off, as the reference has it */
};

/* The step a run stands after, and what it knows at that moment. This is what a state holds. */
struct position {
	bool has_step;
	uint32_t step;
	uint64_t exact_from; /* from this step on the dead counts are exact again after a resume */
	uint64_t
		known_from; /* of features that last fired before this step it is not known when; 0: of all it is */
	struct window window;
	struct schedule schedule; /* also the true count of tokens */
};

struct known_mark {
	uint32_t attempt, step;
};

/* A step that will not be folded as it should. Its window may not be open yet, so it is kept until
 * the run has come as far. */
struct blame {
	struct place place;
	uint32_t flaw;
};

struct mark_wait {
	bool waiting, asked;
	struct known_mark mark;
	struct place place; /* of the step that begins the attempt … */
	double time;        /* … and its time */
};

/* How fast steps come: exponential means over about the last twenty. */
struct pace {
	double step_s, rows; /* 0: not known */
	double last_elapsed_s;
	bool has_last;
};

struct run {
	struct list link;       /* registry.runs */
	struct run *next_by_id; /* id_table */
	struct registry *registry;
	struct holder *holder; /* its user */
	uint64_t charged;      /* of his memory */
	bool counted;          /* among his runs */
	char id[RUN_ID_MAX + 1];
	void *user;
	uint32_t uid;
	int32_t pid; /* of rank 0 */

	uint32_t d_sae, d_in; /* 0: without features; not given */
	struct run_config config;
	char *keys[METRIC_COUNT]; /* suffixed; NULL where the profile logs none */
	struct facts facts;
	struct extras extras;

	char *launch;
	char *ended_launches[LAUNCHES_REMEMBERED]; /* a ring */
	uint32_t n_ended_launches;
	uint32_t world_size;
	bool resumed; /* existed before this launch */
	struct list streams;
	struct stream *ranks[RANKS_MAX]; /* this launch's, NULL: never opened */
	uint64_t gone_ranks;             /* bit a rank: nothing more is waited for */
	uint64_t silent_ranks;           /* of these: connected, but they log nothing */
	uint64_t untold_ranks;           /* the log is to have a word about them */
	uint32_t generation;             /* of its processes: how often they were replaced … */
	uint32_t generation_lap;         /* … and the lap that the newest began with … */
	double generation_elapsed_s;     /* … and how long it had been trained for by then */
	uint64_t waiting_since_ms;       /* mono: since when ranks may open */
	struct assembly assembly;

	uint32_t attempt;    /* of the newest one; 0: none yet */
	bool begun;          /* this launch's attempt has: its row is written … */
	bool settled;        /* … and its state was decided (with its first step or restored) */
	struct place folded; /* the newest step of this launch */
	struct blame blames[BLAMES_MAX];
	uint32_t n_blames;
	bool restored;                       /* the lap began with a state and has no step yet */
	struct known_mark marks[MARKS_KEPT]; /* oldest first */
	uint32_t n_marks;
	struct mark_wait mark_wait;

	struct position position;
	struct firing firing;
	struct lines lines;
	struct summary summary;
	uint32_t disagree_next[METRIC_COUNT]; /* steps before which no further event is due */
	uint32_t rank_disagree_next[SCALAR_COUNT];
	uint32_t not_finite_next[METRIC_COUNT]; /* the same, or NOT_FINITE_NOW */
	struct run_alerts alerts;

	char *stop_reason; /* NULL: nobody asked it to stop */
	bool stopped;      /* by its own thresholds: it logs nothing more */
	bool ended;        /* every rank has finished or is gone */
	const char *end_state;
	char *end_words;             /* why; NULL: nobody said */
	const char *end_words_state; /* how the rank ended that said them */
	uint32_t end_words_rank;     /* which one it was */
	bool has_exit_code;
	int32_t exit_code;
	double last_seen, ended_at;
	uint64_t n_training_tokens; /* as the profile counts them, at the newest step */
	uint64_t messages, dropped, late, refused, gap, missing_steps;
	double elapsed_s; /* how long it has been trained for, in all its processes */
	struct pace pace;
	bool has_last_ms;
	uint64_t last_ms; /* mono: when it last folded a step */
	const char *shown_state;

	struct changes changes;
	struct closed_window *closed;    /* NULL: none has since the last cut */
	const char *const *change_names; /* the extras' names, in the changes' arena */
	uint32_t n_change_names;
	bool dirty, broken;
	bool arrays_changed, base_changed;
	uint64_t arrays_generation;
	uint32_t cuts_in_flight;
};

/* A run without launch, streams or arrays; NULL when memory is short. */
struct run *run_create(struct registry *r, struct text id, uint32_t uid, uint32_t d_sae);
/* Its arrays. 0 or -ENOMEM. */
int run_make_arrays(struct run *run);
void run_destroy(struct run *run);

/* Counts it among its user's runs, and charges him with `bytes` in place of what it was charged with; whatever his limits say. */
void run_charge(struct run *run, uint64_t bytes);

/* Takes from an OPEN what decides its rows. 0 or -ENOMEM. */
int run_configure(struct run *run, const struct msg_open *open);
/* How many steps it will have: given, or by its tokens; 0: not known. */
uint64_t run_total_steps(const struct run *run);
/* Its keys, by profile and suffix. 0 or -ENOMEM. */
int run_make_keys(struct run *run);

/* The base is about to change, other than by the close of a window: what the last one that closed had by then is kept. */
void run_keep_closed_totals(struct run *run);

/* Leaves an event. step -1: of none. */
void run_event(struct run *run, uint32_t attempt, int64_t step, double time, const char *kind,
	const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Something of it, said so long after it first began, has taken effect. */
void run_note_elapsed(struct run *run, double elapsed_s);

/* The names of its extras, in the changes' arena; NULL when memory is short. */
const char *const *run_change_names(struct run *run);

/* Its trainers are told to stop, and for what reason; those that come back later are, too. -ENOMEM. */
int run_stop(struct run *run, const char *reason);

/* Memory ran short where nothing can be taken back. */
void run_break(struct run *run);

/* The words `status` shows: running, stalled, … */
const char *run_state(const struct run *run, struct instant now);
/* What its lowest pending step waits for: false when nothing does. */
bool run_waits(const struct run *run, char *out, size_t size);

/* Bytes held for it now. */
uint64_t run_bytes(const struct run *run);

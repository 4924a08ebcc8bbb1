/* What the core decided, as rows of plain data: the only thing it ever produces.
 *
 * A change lives in its list's arena and is freed with it. All text is
 * NUL-terminated and owned by the arena. Replaying the same messages gives
 * the same changes, so that a recorded list of messages is a test. */
#pragma once

#include "density.h"
#include "measure.h"
#include "message.h"

#define ATTEMPT_NONE 0u
#define STEP_NONE    UINT32_MAX
#define LINE_NONE    (-1)

enum change_kind {
	CHANGE_STEP,    /* → steps */
	CHANGE_LINE,    /* → history and histograms: all entries of one closed line */
	CHANGE_WINDOW,  /* → windows */
	CHANGE_EVENT,   /* → events */
	CHANGE_ATTEMPT, /* → attempts: a new attempt begins */
	CHANGE_ALERT,   /* → alerts: one by rule begins, or is over */
	CHANGE_MARK     /* → marks: a restore point; the arrays go to a file of its own */
};

struct change_step {
	uint32_t attempt, step;
	uint32_t lap;
	double time, elapsed_s;
	uint64_t n_rows;
	uint32_t ranks_missing;
	struct measures measures; /* the metrics of a step, given or computed */
	uint32_t scalars_present; /* the sufficient statistics, as merged */
	double scalars[SCALAR_COUNT];
	uint32_t n_extras;
	const char *const *extra_names;
	uint64_t *extras_present;
	double *extras;
};

enum line_source {
	LINE_METRICS = 0,  /* the profile's log row */
	LINE_SPARSITY = 1, /* the profile's sparsity row */
	LINE_OURS = 2,     /* our own extra metrics, under their own names */
	LINE_LOG = 3       /* a trainer's LOG */
};

struct line_entry {
	const char *key;
	enum line_source source;
	struct value value; /* text NUL-terminated; histogram arrays in the arena */
};

struct change_line {
	uint32_t attempt, step;
	int64_t line; /* ordinal within the run from 0; LINE_NONE: a LOG for a line already closed */
	double time, elapsed_s;
	uint32_t n_entries;
	struct line_entry *entries; /* in the order they are to be logged */
};

/* Why a window is not what the reference would have had. */
enum window_flaw {
	FLAW_STEPS_MISSING = 1u << 0, /* dropped, gap, or never pushed */
	FLAW_RANKS_MISSING = 1u << 1,
	FLAW_LATE = 1u << 2,
	FLAW_COUNTS_MISSING = 1u << 3, /* a step came without counts */
	FLAW_REFUSED = 1u << 4,
	FLAW_RESUMED = 1u << 5, /* began without the state of what was before */
	FLAW_PARTIAL = 1u << 6  /* the run ended inside it */
};

struct change_window {
	uint32_t attempt;
	uint32_t window; /* ordinal within the attempt's numbering: (boundary + 1) / W - 1 */
	uint32_t step_first, step_last; /* steps folded into it */
	uint32_t step_close;            /* the step whose row it is */
	double time;
	uint32_t n_steps, n_steps_expected;
	uint32_t flaws;         /* 0: complete */
	uint32_t dead_features; /* after its last step */
	uint32_t revived, newly_dead;
	int64_t dead_10m_tokens; /* as dead_tokens.h; −1: not known */
	struct density_summary density;
};

struct change_event {
	uint32_t attempt, step; /* ATTEMPT_NONE, STEP_NONE */
	double time;
	const char *kind, *text;
};

struct change_attempt {
	uint32_t attempt;
	const char *launch;
	uint32_t lap;
	uint32_t step_first;
	double time;
	/* "start": a run's first; "continued": the run stood right before step_first; "state" and "mark":
	 * handed over by the trainer, or the restore point of a MARK; "none": marked resumed. */
	const char *restored_from;
};

struct change_alert {
	uint32_t attempt, step; /* STEP_NONE */
	double time;
	const char *kind, *words;
	bool begins; /* else the one of that kind is over */
};

struct change_mark {
	uint32_t attempt, step;
	double time;
	const char *text;
	/* The arrays of that moment, 16 bytes a feature, and the small state: a complete STATE blob. */
	uint8_t *state;
	size_t state_len;
};

/* As long as its kind asks for: reach it by its pointer, never copy it whole. */
struct change {
	enum change_kind kind;
	struct change *next; /* changes.first */
	union {
		struct change_step step;
		struct change_line line;
		struct change_window window;
		struct change_event event;
		struct change_attempt attempt;
		struct change_alert alert;
		struct change_mark mark;
	};
};

struct changes {
	struct change *first, **tail;
	size_t bytes; /* what the arena holds */
	uint32_t count;
	void *arena;
};

void changes_init(struct changes *c);
void changes_finish(struct changes *c);
/* `to` gets all that `from` holds; `from` is empty after it. */
void changes_move(struct changes *to, struct changes *from);

/* A zeroed change of that kind at the end of the list; NULL when memory is short. */
struct change *changes_append(struct changes *c, enum change_kind kind);

/* Memory of the list's own; aligned for any type. NULL when memory is short. */
void *changes_alloc(struct changes *c, size_t size);
char *changes_text(struct changes *c, struct text text);
char *changes_printf(struct changes *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

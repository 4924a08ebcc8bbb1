/* What of a database may go, and when: by age, and by size. Pure: facts and time are passed in; trim.h asks and does it.
 *
 * By age, of every run: rows of steps and what was logged, sparsity windows; of ended ones, the whole run. By size, of ended
 * ones alone, oldest first: all their steps, then all their windows, then the runs themselves, until the database is well below.
 * What keeps a run's figures true stays as long as the run: its state, its restore points, its summary, the newest
 * steps and windows, some steps for its curves; and what W&B does not have yet stays in any case. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETENTION_FOREVER UINT64_MAX
/* `status RUN` shows so many. */
#define RETENTION_WINDOWS_KEPT 32u
/* Of what goes of a run's steps about so many stay: four for each mean of a curve. */
#define RETENTION_CURVE_STEPS 128u
#define RETENTION_WHY_SIZE    64u

/* What people set. */
struct retention {
	uint64_t steps_s, windows_s, runs_s; /* RETENTION_FOREVER: they stay */
	uint64_t max_db_bytes;               /* UINT64_MAX: as large as it gets */
	bool wandb_off;                      /* nobody will ever want the lines that wait for W&B */
};

extern const struct retention retention_none;
bool retention_is_set(const struct retention *r);

enum retention_what {
	RETENTION_STEPS,
	RETENTION_LINES,
	RETENTION_WINDOWS,
	RETENTION_RUN,
	RETENTION_N_WHAT
};

/* A run, as far as it matters. Times are seconds since 1970; NAN: there is no such row. */
struct retention_run {
	bool ended;
	bool waits_for_wandb;  /* has lines, or an end, that W&B does not know */
	int64_t accepted_step; /* of the newest line W&B has; -1: of none */
	double quiet_since;
	int64_t steps_from, steps_limit; /* rows of steps in between may go */
	double step_time;                /* of the oldest of them */
	double line_time;                /* of the oldest line … */
	int64_t line_step;               /* … and its step */
	double window_time;              /* of the oldest window */
};

/* Rows older than this go: the time, or -INFINITY when nothing does. A run goes when it has been quiet for longer. */
double retention_before(const struct retention *r, enum retention_what what, double now);

/* Whether something of the run goes, were everything older than `before` to go. */
bool retention_takes(const struct retention *r, const struct retention_run *run,
	enum retention_what what, double before);

/* The first step whose line may still be needed to know where W&B stands: lines from there on stay. */
int64_t retention_lines_limit(const struct retention *r, const struct retention_run *run);

/* Of the steps that go every so many-th stays: a power of two, by how many steps the run has. */
int64_t retention_curve_stride(int64_t n_steps);

/* Whether a database that uses so many bytes has to become smaller: above the limit, and then until it is at nine tenths of
 * it, so that it is not always at it. */
bool retention_presses(const struct retention *r, uint64_t used_bytes, bool pressed_before);

/* How long to rest between two passes by age. */
uint64_t retention_pass_ms(const struct retention *r);

/* `steps = 90d`, `max_db = 20G`: the setting that asked for it. Returns out. */
char *retention_why(const struct retention *r, enum retention_what what, bool by_size,
	char out[RETENTION_WHY_SIZE]);

/* What was unusual in a run: core/anomaly's rules over its steps and windows, each attempt by itself, in their order. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "anomaly.h"
#include "bounds.h"

#define WHY_NAME_MAX  (NAME_MAX_BYTES + 1)
#define WHY_WORDS_MAX 512u
/* Of each kind; more are counted, and not told: what there is much of leaves room for what there is one of. */
#define WHY_OBSERVATIONS_MAX 1000u

enum why_kind {
	WHY_NOT_FINITE = 0,
	WHY_SPIKE,
	WHY_GAP,
	WHY_DEATHS,
	WHY_END, /* the run crashed, failed or stalled */
	WHY_KINDS
};

struct why_observation {
	enum why_kind kind;
	uint32_t attempt;
	int64_t step; /* of deaths: the first at which one of those features can have fired for the last time */
	int64_t step_last, window; /* of deaths: the last such step; in which they were seen */
	char name[WHY_NAME_MAX];   /* the series; "" where it is none */
	double value, usual;
	bool has_usual;
	char words[WHY_WORDS_MAX]; /* a sentence without its step */
};

struct why_findings {
	struct why_observation *observations; /* by attempt and step */
	size_t n, cap, n_of[WHY_KINDS], n_left_out;
	char gradient
		[WHY_NAME_MAX]; /* what the trainer calls the norm of its gradient; "": it logs none */
	int64_t gradient_key; /* it is in the history, under this number in keys_data; 0: it is with the steps */
	uint64_t n_steps, n_windows;
	int64_t removed_through; /* steps up to this one were thinned out by retention; -1: none */
};

/* Of the run with this number. 0, or negative when the database cannot be read. */
int why_find(sqlite3 *sql, int64_t run, struct why_findings *ret);
void why_findings_finish(struct why_findings *f);

/* Whether the norm of its gradient is with the steps: it is not looked for in the history then. */
bool why_has_gradient(sqlite3 *sql, int64_t run);

/* The observation that the run is looked at around: of those that came shortly before the gravest one the first. NULL: there is
 * none. */
const struct why_observation *why_first(const struct why_findings *f);

/* Whether they belong together: close to one another, in one attempt. */
bool why_is_near(const struct why_observation *a, const struct why_observation *b);

/* What of a run's sparsity windows is worth waking somebody: rules that people set, a window's figures in, alerts that begin and
 * end out. Pure, and the same for the same windows: what it knows from one window to the next is in its state.
 *
 * A rule looks at a whole window, never at a step, so that one odd batch is none of its business. One that has begun is over only when
 * its figure is well on the other side again, so that it does not come and go. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum alert_rule {
	RULE_DEAD,
	RULE_L0,
	RULE_EXPLAINED_VARIANCE,
	RULE_THROUGHPUT,
	RULE_BAD_RUN, /* of steps that are logged, as the reference has it: see run_alerts.h */
	RULE_COUNT
};

/* "dead": how it is called wherever it is shown. */
const char *alert_rule_name(enum alert_rule rule);

/* What people set; 0: that rule is off. */
struct alert_rules {
	double dead_share;     /* more of the features than this are dead, where that can be told */
	double l0_min, l0_max; /* the window's mean is outside */
	double explained_variance_min; /* the window's mean is below */
	double throughput_share; /* less of the usual rows a second than this, in two windows in a row */
	bool front; /* who joins and leaves the front of a project is news: the store finds it */
	bool keeps_bad_runs; /* RULE_BAD_RUN is an alert alone, and stops nothing */
};

/* A window that closed without flaws. */
struct alert_window {
	uint32_t attempt, window, step_last;
	uint32_t dead_features, d_sae;
	double dead_window_rows; /* so many rows pass in the trainer's dead window, about */
	bool dead_counts; /* the dead window has passed twice by its end, and the counts are exact */
	double l0, explained_variance; /* means over its steps; NAN: not known */
	double rows_per_s;             /* NAN: not known */
};

#define ALERT_RATES_MAX 8u /* windows that say what is usual … */
#define ALERT_RATES_MIN 4u /* … and so many have to be known first */

struct alert_state {
	uint32_t on; /* bit a rule */
	uint32_t attempt, n_slow;
	uint32_t n_rates; /* in all; the newest ALERT_RATES_MAX are kept */
	double rates[ALERT_RATES_MAX];
};

#define ALERT_WORDS_MAX 160u

struct alert_change {
	enum alert_rule rule;
	bool begins; /* else it is over */
	char words[ALERT_WORDS_MAX];
};

bool alert_is_on(const struct alert_state *s, enum alert_rule rule);
/* Returns how many alerts begin or end. */
uint32_t alert_rules_judge(const struct alert_rules *rules, struct alert_state *s,
	const struct alert_window *w, struct alert_change ret[RULE_COUNT]);
/* The run has ended: how fast it is, is no question any more. As judge. */
uint32_t alert_rules_end(struct alert_state *s, struct alert_change ret[RULE_COUNT]);

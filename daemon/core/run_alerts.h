/* A run's alerts by rule: its windows' figures are added up here as its steps are folded, and what alert_rules makes of them becomes rows.
 *
 * Prisma's bad-run rule is one of steps that are logged, not of windows: l0 and explained_variance below what OPEN said, both. It stops
 * the run, as the reference does, unless people want the alert alone. */
#pragma once

#include "alert_rules.h"
#include "pack.h"

struct change_window;
struct folding;
struct frame_time;
struct measures;
struct run;

/* Of the open window. */
struct alert_sums {
	uint64_t boundary; /* which window it is … */
	uint32_t attempt;  /* … and of which attempt; another one's are forgotten */
	uint32_t n_steps, n_l0, n_explained_variance;
	double l0, explained_variance; /* finite ones, added up */
	uint64_t rows;                 /* behind its first step */
	double elapsed_first_s, elapsed_last_s;
};

struct run_alerts {
	struct alert_state state;
	struct alert_sums sums;
};

void run_alerts_count_step(struct run *run, const struct folding *in, const struct measures *m);
/* A window closes. */
void run_alerts_judge(struct run *run, const struct change_window *row);
/* A logged step is bad, or is not. */
void run_alerts_tell_bad_run(
	struct run *run, const struct folding *in, bool is_bad, const char *words);
void run_alerts_end(struct run *run, double time);

void run_alerts_pack(const struct run_alerts *a, struct packer *p);
void run_alerts_unpack(struct run_alerts *a, struct unpacker *u);

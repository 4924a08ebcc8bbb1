#include "fold.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "registry_private.h"
#include "run_checks.h"
#include "run_windows.h"

/* ---- counts ---- */

static void window_fold(struct run *run, const struct folding *in) {
	struct window *w = &run->position.window;
	uint64_t rows = in->scalars->n_rows;

	window_count_step(w, (uint32_t)in->place.step);
	if (in->ranks_missing > 0) {
		w->flaws |= FLAW_RANKS_MISSING;
	}
	if (in->nonzero == NULL || in->counts_missing) {
		w->flaws |= FLAW_COUNTS_MISSING;
		run->position.known_from = (uint64_t)in->place.step + 1;
	}
	if (in->nonzero != NULL) {
		w->n_rows += run->config.profile->window_rows_configured ? run->config.batch : rows;
		w->n_rows_counted += rows;
	}
}

/* false: the window's 32 bits would not hold the sum, so the counts are left out. */
static bool counts_fit(struct run *run, const struct folding *in) {
	const struct window *w = &run->position.window;
	if (w->n_rows_counted + in->scalars->n_rows <= UINT32_MAX) {
		return true;
	}
	if ((w->flaws & FLAW_COUNTS_MISSING) == 0) {
		run_event(run, run->attempt, in->place.step, in->at.time, "window_overflow",
			"the window holds %llu rows, and its counts cannot hold more than %u",
			(unsigned long long)w->n_rows_counted, UINT32_MAX);
	}
	return false;
}

/* What the counts add up to; NULL when there are none. */
static const struct fold_sums *counts_fold(
	struct run *run, struct folding *in, struct fold_sums *ret) {
	if (in->nonzero != NULL && !counts_fit(run, in)) {
		in->nonzero = in->positive = NULL;
	}
	window_fold(run, in);
	run->arrays_changed = true;
	if (in->nonzero == NULL) {
		return NULL;
	}
	firing_fold(&run->firing, in->nonzero, in->positive, run->config.profile->fires_nonzero,
		(uint32_t)in->place.step, run->config.dead_window, ret);
	run->position.window.revived += ret->revived;
	return ret;
}

/* ---- measures ---- */

static void set_measure(struct measures *m, enum metric metric, double value) {
	m->present |= 1ull << metric;
	m->computed |= 1ull << metric;
	m->value[metric] = value;
}

static void measure_tokens(struct run *run, const struct folding *in, struct measures *m) {
	const struct profile *profile = run->config.profile;
	uint64_t folded = schedule_total(&run->position.schedule), tokens;
	if (profile->tokens_configured) {
		uint64_t steps = (uint64_t)in->place.step + (profile->tokens_before_step ? 0 : 1);
		tokens = steps * run->config.batch;
	} else {
		tokens = folded - (profile->tokens_before_step ? in->scalars->n_rows : 0);
	}
	run->n_training_tokens = tokens;
	set_measure(m, METRIC_N_TRAINING_TOKENS, (double)tokens);
	uint64_t images = tokens / run->config.context;
	set_measure(m, METRIC_N_TRAINING_IMAGES, (double)images);
	set_measure(m, METRIC_N_TOKENS_FOLDED, (double)folded);
}

/* What needs a pass over the features, and is therefore known at logged steps only. */
static void measure_firing(
	const struct run *run, uint32_t step, uint32_t dead_before, struct measures *m) {
	const struct firing *f = &run->firing;
	uint32_t dead = run->config.profile->dead_before_fold
				? dead_before
				: firing_count_dead(f, step, run->config.dead_window);
	double d_sae = run->d_sae;

	set_measure(m, METRIC_DEAD_FEATURES, dead);
	set_measure(m, METRIC_MEAN_PASSES_SINCE_FIRED, (double)firing_sum_passes(f, step) / d_sae);
	set_measure(m, METRIC_MEAN_TOKENS_SINCE_FIRED,
		schedule_mean_tokens_since(&run->position.schedule, f->last, f->d_sae, step));
}

/* ---- logging ---- */

#define BAD_RUN_WORDS 256u

/* As the reference: both set and not 0, and both undercut. NaN undercuts nothing. */
static bool is_bad_run(const struct run *run, const struct measures *m) {
	const struct run_config *c = &run->config;
	uint64_t both = 1ull << METRIC_L0 | 1ull << METRIC_EXPLAINED_VARIANCE;

	return c->min_l0 != 0 && c->min_explained_variance != 0 && (m->present & both) == both &&
	       m->value[METRIC_L0] < c->min_l0 &&
	       m->value[METRIC_EXPLAINED_VARIANCE] < c->min_explained_variance;
}

static void word_bad_run(const struct run *run, const struct folding *in, const struct measures *m,
	char out[BAD_RUN_WORDS]) {
	(void)snprintf(out, BAD_RUN_WORDS,
		"step %lld: l0 %g is below min_l0 %g and explained_variance %g below "
		"min_explained_variance %g",
		(long long)in->place.step, m->value[METRIC_L0], run->config.min_l0,
		m->value[METRIC_EXPLAINED_VARIANCE], run->config.min_explained_variance);
}

static void stop_bad_run(struct run *run, const struct folding *in, const char *reason) {
	run_event(run, run->attempt, in->place.step, in->at.time, "stop", "%s", reason);
	(void)run_stop(run, reason); /* without memory it is not told: a stop is advice */
	run->stopped = true;
}

static void step_log(struct run *run, const struct folding *in, const struct measures *m) {
	char words[BAD_RUN_WORDS] = "a logged step is above again";
	bool is_bad = is_bad_run(run, m);

	if (is_bad) {
		word_bad_run(run, in, m, words);
	}
	run_alerts_tell_bad_run(run, in, is_bad, words);
	if (is_bad && !run->registry->options.alerts.keeps_bad_runs) {
		stop_bad_run(run, in, words); /* that row is not logged, nor any after it */
	} else {
		rows_add_metrics(run, (uint32_t)in->place.step, m, &in->at);
	}
}

/* ---- the step's own row ---- */

static bool extras_emit(struct run *run, const struct scalars *s, struct change_step *row) {
	uint32_t n = s->n_extras;
	if (n == 0) {
		return true;
	}
	size_t words = (n + 63) / 64;
	row->extras_present = changes_alloc(&run->changes, words * sizeof *row->extras_present);
	row->extras = changes_alloc(&run->changes, n * sizeof *row->extras);
	row->extra_names = run_change_names(run);
	if (row->extras_present == NULL || row->extras == NULL || row->extra_names == NULL) {
		return false;
	}
	row->n_extras = n;
	memcpy(row->extras_present, s->extras_present, words * sizeof *row->extras_present);
	for (uint32_t i = 0; i < n; i++) {
		bool present = (s->extras_present[i / 64] >> (i % 64) & 1) != 0;
		row->extras[i] = present ? s->extras[i] : 0;
	}
	return true;
}

static void step_emit(struct run *run, const struct folding *in, const struct measures *m) {
	struct change *change = changes_append(&run->changes, CHANGE_STEP);
	if (change == NULL || !extras_emit(run, in->scalars, &change->step)) {
		run_break(run);
		return;
	}
	struct change_step *row = &change->step;
	row->attempt = run->attempt;
	row->step = (uint32_t)in->place.step;
	row->lap = in->place.lap;
	row->time = in->at.time;
	row->elapsed_s = in->at.elapsed_s;
	row->n_rows = in->scalars->n_rows;
	row->ranks_missing = in->ranks_missing;
	row->measures.present = m->present;
	row->measures.computed = m->computed;
	for (uint64_t bits = m->present; bits != 0; bits &= bits - 1) {
		int metric = __builtin_ctzll(bits);
		row->measures.value[metric] = m->value[metric];
	}
	row->scalars_present = in->scalars->present;
	for (uint32_t bits = in->scalars->present; bits != 0; bits &= bits - 1) {
		int scalar = __builtin_ctz(bits);
		row->scalars[scalar] = in->scalars->value[scalar];
	}
}

/* ---- the step ---- */

static void pace_keep(struct run *run, const struct folding *in, uint32_t steps, uint64_t now_ms) {
	enum { OVER = 20 };
	struct pace *p = &run->pace;
	double step_s = (in->at.elapsed_s - p->last_elapsed_s) / steps;
	double rows = (double)in->scalars->n_rows;

	if (p->has_last && isfinite(step_s) && step_s > 0) {
		p->step_s += p->step_s == 0 ? step_s : (step_s - p->step_s) / OVER;
		p->rows += p->rows == 0 ? rows : (rows - p->rows) / OVER;
	}
	p->last_elapsed_s = in->at.elapsed_s;
	p->has_last = isfinite(in->at.elapsed_s);
	run->has_last_ms = true;
	run->last_ms = now_ms;
}

void run_fold(struct run *run, const struct folding *given, struct instant now) {
	struct folding in = *given;
	struct position *p = &run->position;
	const struct run_config *c = &run->config;
	uint32_t n = (uint32_t)in.place.step;
	uint32_t advance = p->has_step ? n - p->step : 1;
	bool logs = ((uint64_t)n + 1) % c->log_every == 0 && !run->stopped;
	uint32_t dead_before = 0;
	struct fold_sums counted;
	const struct fold_sums *sums = NULL;
	struct measures m;

	run->missing_steps += advance - 1 + (in.ranks_missing > 0 ? 1 : 0);
	if (c->batch == 0) {
		run->config.batch = in.scalars->n_rows;
	}
	if (run->d_sae > 0) {
		run_windows_pass(run, in.place, &in.at);
		if (logs && c->profile->dead_before_fold) {
			dead_before = firing_count_dead(&run->firing, n - 1, c->dead_window);
		}
		sums = counts_fold(run, &in, &counted);
	}
	schedule_append(&p->schedule, n, in.scalars->n_rows);

	measure(c->profile, c->architecture, in.scalars, sums, &m);
	measure_tokens(run, &in, &m);
	if (logs && run->d_sae > 0) {
		measure_firing(run, n, dead_before, &m);
	}
	run_checks_step(run, &in, sums, &m);
	if (logs) {
		step_log(run, &in, &m);
	}
	run_alerts_count_step(run, &in, &m);
	step_emit(run, &in, &m); /* before its window's row, which is computed from its steps' */
	if (run->d_sae > 0 && window_ends_after(&p->window, n)) {
		run_window_close(run, &in.at);
	}

	p->has_step = true;
	p->step = n;
	run->folded = in.place;
	run->restored = false;
	run->dirty = true;
	run_note_elapsed(run, in.at.elapsed_s);
	pace_keep(run, &in, advance, now.mono_ms);
}

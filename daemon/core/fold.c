#include "fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dead_tokens.h"
#include "registry_private.h"
#include "stream.h"

/* ---- blames ---- */

void run_blame(struct run *run, struct place place, uint32_t flaw) {
	if (run->d_sae == 0 || place.step < 0 || place.lap < run->folded.lap) {
		return; /* of no window, or of one that is closed */
	}
	if (place_compare(place, run->folded) <= 0 || run->n_blames == BLAMES_MAX) {
		window_blame(&run->position.window, place.step, flaw);
		return;
	}
	run->blames[run->n_blames++] = (struct blame){place, flaw};
}

/* Blames the open window for the steps up to `through`. */
static void blames_settle(struct run *run, struct place through) {
	uint32_t kept = 0;
	for (uint32_t i = 0; i < run->n_blames; i++) {
		const struct blame *blame = &run->blames[i];
		if (place_compare(blame->place, through) > 0) {
			run->blames[kept++] = *blame;
		} else if (blame->place.lap == through.lap) {
			window_blame(&run->position.window, blame->place.step, blame->flaw);
		}
	}
	run->n_blames = kept;
}

/* The last step up to `place` that can be of the open window. */
static struct place window_last_place(const struct run *run, struct place place) {
	int64_t last = (int64_t)window_end(&run->position.window);

	return (struct place){place.lap, last < place.step ? last : place.step};
}

/* ---- windows ---- */

static bool window_summarise(struct run *run, struct density_summary *ret) {
	const struct run_config *c = &run->config;
	int err = density_summarise(run->firing.window, run->d_sae, run->position.window.n_rows,
		c->thresholds, c->n_thresholds, run->registry->density_scratch, ret);
	if (err < 0) {
		run_break(run);
	}
	return err == 0;
}

/* The step that the open window's row is logged at, once it is whole. */
static uint32_t row_step(const struct run *run) {
	return (uint32_t)run->position.window.boundary +
	       (run->config.profile->row_behind_window ? 1 : 0);
}

/* Leaves the open window's row; its dead features in *ret_dead. NULL when memory is short. */
static const struct change_window *window_emit(struct run *run, const struct frame_time *at,
	uint32_t more_flaws, uint64_t through, uint32_t *ret_dead) {
	struct window *w = &run->position.window;
	uint32_t dead = firing_count_dead(&run->firing, w->step_last, run->config.dead_window);
	struct change *change = changes_append(&run->changes, CHANGE_WINDOW);
	if (change == NULL || !window_summarise(run, &change->window.density)) {
		run_break(run);
		return NULL;
	}
	if (w->step_last < run->position.exact_from) {
		more_flaws |= FLAW_RESUMED;
	}
	struct change_window *row = &change->window;
	row->attempt = run->attempt;
	row->window = window_ordinal(w);
	row->step_first = w->step_first;
	row->step_last = w->step_last;
	row->step_close = (more_flaws & FLAW_PARTIAL) != 0 ? w->step_last : row_step(run);
	row->time = at->time;
	row->n_steps = w->n_steps;
	row->n_steps_expected = window_steps_expected(w);
	row->flaws = window_flaws(w, through) | more_flaws;
	row->dead_features = dead;
	row->revived = w->revived;
	row->newly_dead = dead + w->revived - w->dead_before;
	row->dead_10m_tokens = dead_by_tokens(
		&run->firing, &run->position.schedule, run->position.known_from, DEAD_TOKENS);
	*ret_dead = dead;
	if ((more_flaws & FLAW_PARTIAL) == 0 && !run->stopped) {
		rows_add_window(run, row, at);
	}
	return row;
}

/* Its counts, before they are gone. */
static void window_keep_counts(struct run *run, const struct change_window *row) {
	if (run->closed != NULL && !closed_window_yields(run->closed, row->attempt, row->flaws)) {
		run_keep_closed_totals(run);
		return;
	}
	if (run->closed == NULL) {
		run->closed = closed_window_create(run->d_sae);
	}
	if (run->closed == NULL) {
		run_break(run);
		return;
	}
	closed_window_take(run->closed, row, run->config.dead_window, &run->firing);
}

static void window_close(struct run *run, const struct frame_time *at) {
	struct window *w = &run->position.window;
	uint32_t dead = w->dead_before;

	if (w->n_steps > 0) {
		const struct change_window *row = window_emit(run, at, 0, w->boundary, &dead);
		if (row != NULL) {
			run_alerts_judge(run, row);
			window_keep_counts(run, row);
		}
		firing_close_window(&run->firing);
		run->arrays_changed = run->base_changed = true;
	}
	window_open_next(w);
	w->dead_before = dead;
}

/* The windows that end before `step`: the open one leaves its row at its boundary, whether that step
 * came or not; those that saw no step leave only a word. */
static void windows_close_before(struct run *run, uint32_t step, const struct frame_time *at) {
	struct window *w = &run->position.window;
	if (!window_ends_before(w, step)) {
		return;
	}
	if (w->n_steps > 0) {
		window_close(run, at);
	}
	uint64_t skipped = window_count_skipped(w, step);
	if (skipped == 0) {
		return;
	}
	uint32_t first = window_ordinal(w), dead = w->dead_before;
	window_open(w, w->length, w->closes_before, step);
	w->dead_before = dead;
	if (skipped == 1) {
		run_event(run, run->attempt, step, at->time, "windows_empty",
			"window %u held no step", first);
	} else {
		run_event(run, run->attempt, step, at->time, "windows_empty",
			"windows %u to %u held no step", first, window_ordinal(w) - 1);
	}
}

void fold_partial_window(struct run *run, const struct frame_time *at) {
	const struct window *w = &run->position.window;
	if (w->length == 0 || w->n_steps == 0) {
		return;
	}
	uint64_t through = run->position.step;
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		const struct stream *s = run->ranks[rank];
		if (s != NULL && s->at.lap == run->folded.lap && s->at.step > (int64_t)through) {
			through = (uint64_t)s->at.step; /* dropped behind the last one folded */
		}
	}
	blames_settle(run, (struct place){run->folded.lap, STEP_MAX});
	uint32_t dead;
	(void)window_emit(run, at, FLAW_PARTIAL, through, &dead);
}

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

/* ---- what does not agree, or is not a number ---- */

static bool due_again(uint32_t *next, uint32_t step) {
	if (step < *next) {
		return false;
	}
	*next = step + DISAGREE_EVERY;
	return true;
}

/* What the metric would be, had the trainer not given it. */
static double computed_instead(const struct run *run, const struct scalars *given,
	const struct fold_sums *sums, enum metric metric) {
	struct scalars without = *given;
	struct measures m;
	int scalar = scalar_find(text_of(metric_name(metric), strlen(metric_name(metric))));
	if (scalar >= 0) {
		without.present &= ~(1u << scalar);
	}
	measure(run->config.profile, run->config.architecture, &without, sums, &m);
	return (m.present >> metric & 1) != 0 ? m.value[metric] : NAN;
}

static void check_given(struct run *run, const struct folding *in, const struct fold_sums *sums,
	const struct measures *m) {
	uint64_t disagree = measures_disagree(run->config.profile, in->scalars, sums);
	uint32_t step = (uint32_t)in->place.step;

	for (; disagree != 0; disagree &= disagree - 1) {
		enum metric metric = (enum metric)__builtin_ctzll(disagree);
		if (due_again(&run->disagree_next[metric], step)) {
			run_event(run, run->attempt, step, in->at.time, "disagree",
				"%s is %g as the trainer gave it, and %g by its counts and sums",
				metric_name(metric), m->value[metric],
				computed_instead(run, in->scalars, sums, metric));
		}
	}
}

static void check_ranks(struct run *run, const struct folding *in) {
	uint32_t step = (uint32_t)in->place.step;

	for (uint32_t bits = in->scalars->disagree; bits != 0; bits &= bits - 1) {
		enum scalar scalar = (enum scalar)__builtin_ctz(bits);
		if (due_again(&run->rank_disagree_next[scalar], step)) {
			run_event(run, run->attempt, step, in->at.time, "ranks_disagree",
				"the ranks gave different values of %s", scalar_name(scalar));
		}
	}
}

/* Whether it becomes one that is no number; one that comes and goes is told now and then. */
static bool breaks(uint32_t *next, uint32_t step, bool is_finite) {
	if (is_finite) {
		*next = *next == NOT_FINITE_NOW ? step + DISAGREE_EVERY : *next;
		return false;
	}
	if (*next == NOT_FINITE_NOW || step < *next) {
		return false;
	}
	*next = NOT_FINITE_NOW;
	return true;
}

static void check_finite(struct run *run, const struct folding *in, const struct measures *m) {
	static const enum metric losses[] = {METRIC_MSE_LOSS, METRIC_L1_LOSS, METRIC_OVERALL_LOSS};
	uint32_t step = (uint32_t)in->place.step;

	for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
		enum metric loss = losses[i];
		if ((m->present >> loss & 1) != 0 &&
			breaks(&run->not_finite_next[loss], step, isfinite(m->value[loss]))) {
			run_event(run, run->attempt, step, in->at.time, "nan", "%s is %s",
				metric_name(loss), isnan(m->value[loss]) ? "NaN" : "infinite");
		}
	}
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
		/* Each window by what lies in it: the open one before it closes, the next one after. */
		blames_settle(run, window_last_place(run, in.place));
		windows_close_before(run, n, &in.at);
		blames_settle(run, in.place);
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
	check_given(run, &in, sums, &m);
	check_ranks(run, &in);
	check_finite(run, &in, &m);
	if (logs) {
		step_log(run, &in, &m);
	}
	run_alerts_count_step(run, &in, &m);
	step_emit(run, &in, &m); /* before its window's row, which is computed from its steps' */
	if (run->d_sae > 0 && window_ends_after(&p->window, n)) {
		window_close(run, &in.at);
	}

	p->has_step = true;
	p->step = n;
	run->folded = in.place;
	run->restored = false;
	run->dirty = true;
	run_note_elapsed(run, in.at.elapsed_s);
	pace_keep(run, &in, advance, now.mono_ms);
}

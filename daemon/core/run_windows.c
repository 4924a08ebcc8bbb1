#include "run_windows.h"

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

void run_window_close(struct run *run, const struct frame_time *at) {
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
		run_window_close(run, at);
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

void run_windows_pass(struct run *run, struct place place, const struct frame_time *at) {
	/* Each window by what lies in it: the open one before it closes, the next one after. */
	blames_settle(run, window_last_place(run, place));
	windows_close_before(run, (uint32_t)place.step, at);
	blames_settle(run, place);
}

void run_window_emit_partial(struct run *run, const struct frame_time *at) {
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

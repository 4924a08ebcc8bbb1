#include "attempt.h"
#include "ending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry_private.h"
#include "settle.h"
#include "stream.h"

/* ---- launches ---- */

static bool is_same(const char *launch, struct text text) {
	return launch != NULL && strlen(launch) == text.len &&
	       memcmp(launch, text.data, text.len) == 0;
}

bool launch_is_over(const struct run *run, struct text launch) {
	for (uint32_t i = 0; i < LAUNCHES_REMEMBERED; i++) {
		if (is_same(run->ended_launches[i], launch)) {
			return true;
		}
	}
	return false;
}

static void launch_remember(struct run *run) {
	uint32_t at = run->n_ended_launches++ % LAUNCHES_REMEMBERED;

	free(run->ended_launches[at]);
	run->ended_launches[at] = run->launch;
	run->launch = NULL;
}

/* Its processes are not connected any more, and the later launch is the evidence that they will not
 * be: what they sent takes effect without what they did not send. */
static void launch_end(struct run *run, struct instant now) {
	if (run->mark_wait.waiting) {
		registry_give_mark(run->registry, run, NULL, 0, now);
	}
	run->gone_ranks = UINT64_MAX;
	run_settle(run, now);
	lines_close_all(run, now.wall);
	memset(run->ranks, 0, sizeof run->ranks);
	launch_remember(run);
}

int launch_begin(struct run *run, struct text launch, uint32_t world_size, bool resumed,
	struct instant now) {
	char *copy = strndup(launch.data, launch.len);
	if (copy == NULL) {
		return -ENOMEM;
	}
	if (run->launch != NULL) {
		launch_end(run, now);
	}
	run->launch = copy;
	run->resumed = resumed;
	run->gone_ranks = run->silent_ranks = run->untold_ranks = 0;
	run->generation = run->generation_lap = 0;
	run->generation_elapsed_s = run->elapsed_s;
	run->waiting_since_ms = now.mono_ms;
	run->begun = run->settled = run->restored = false;
	run->n_blames = 0;
	run->folded = (struct place){0, -1};
	run->lines.closed_through = -1;
	run_forget_end(run);
	run->stopped = false;
	free(run->stop_reason);
	run->stop_reason = NULL;
	run->pace = (struct pace){0};
	run->dirty = true;
	if (run->world_size != world_size || run->assembly.d_sae != run->d_sae) {
		assembly_finish(&run->assembly);
		assembly_init(&run->assembly, run->d_sae, world_size);
		run->world_size = world_size;
	}
	return 0;
}

/* ---- attempts ---- */

static void attempt_write(
	struct run *run, uint32_t lap, uint32_t step, double time, const char *from) {
	run->attempt++;
	run->begun = true;
	struct change *change = changes_append(&run->changes, CHANGE_ATTEMPT);
	char *launch = changes_text(&run->changes, text_of(run->launch, strlen(run->launch)));
	if (change == NULL || launch == NULL) {
		run_break(run);
		return;
	}
	change->attempt = (struct change_attempt){
		.attempt = run->attempt,
		.launch = launch,
		.lap = lap,
		.step_first = step,
		.time = time,
		.restored_from = from,
	};
	run->dirty = true;
}

uint32_t attempt_of(const struct run *run, struct place place) {
	return run->attempt + (!run->begun || place.lap > run->folded.lap ? 1 : 0);
}

/* Of an attempt that begins with a line: it goes on behind the newest one, or begins again. */
static const char *line_origin(const struct run *run, struct place place) {
	bool goes_on = run->position.has_step || place.step > run->lines.logged_through;

	return goes_on && (run->attempt > 0 || run->position.has_step) ? "continued" : "start";
}

void attempt_ensure(struct run *run, struct place place, double time) {
	if (run->begun && place.lap <= run->folded.lap) {
		return;
	}
	attempt_write(run, place.lap, (uint32_t)place.step, time, line_origin(run, place));
	run->settled = false; /* the state is decided with its first step */
	run->folded = (struct place){place.lap, -1};
	run->lines.closed_through = -1;
}

void line_close_lowest(struct run *run) {
	if (lines_close_lowest(&run->lines, run->attempt, &run->changes, &run->summary) < 0) {
		run_break(run);
	}
}

/* Those of the laps before `lap`. */
static void lines_close_before(struct run *run, uint32_t lap, double time) {
	struct place lowest;
	while (!run->broken && lines_lowest(&run->lines, &lowest) && lowest.lap < lap) {
		attempt_ensure(run, lowest, time);
		line_close_lowest(run);
	}
}

void lines_close_all(struct run *run, double time) {
	struct place lowest;
	while (!run->broken && lines_lowest(&run->lines, &lowest)) {
		attempt_ensure(run, lowest, time);
		line_close_lowest(run);
	}
}

/* The state is in place: from here on steps of this lap are folded. */
static void attempt_begin(struct run *run, struct place first, double time, const char *from) {
	lines_close_before(run, first.lap, time); /* a lap: the one before is over */
	if (!run->begun || first.lap > run->folded.lap) {
		attempt_write(run, first.lap, (uint32_t)first.step, time, from);
		run->lines.closed_through = -1;
	}
	run->settled = true;
	run->stopped = false;
	run->folded = (struct place){first.lap, first.step - 1};
	memset(run->disagree_next, 0, sizeof run->disagree_next);
	memset(run->rank_disagree_next, 0, sizeof run->rank_disagree_next);
	memset(run->not_finite_next, 0, sizeof run->not_finite_next);
}

/* ---- the state to start from ---- */

/* A window of which the part before `step` is not known. */
static void window_begin_at(struct run *run, uint32_t step) {
	struct window *w = &run->position.window;
	const struct run_config *c = &run->config;

	window_open(w, c->window_steps, c->profile->close_before_fold, step);
	w->excused = (uint32_t)(step - window_begin(w));
	w->flaws = w->excused > 0 ? FLAW_RESUMED : 0;
	w->dead_before = firing_count_dead(&run->firing, step - 1, c->dead_window);
}

/* Nothing is known, and nothing was there: the first step of a history. */
static void start_fresh(struct run *run, uint32_t step) {
	/* Before it none has been silent, whatever its number is. */
	run->position = (struct position){.exact_from = step, .known_from = step};
	if (run->d_sae == 0) {
		return;
	}
	struct firing *f = &run->firing;
	run_keep_closed_totals(run);
	memset(f->window, 0, run->d_sae * sizeof *f->window);
	memset(f->base, 0, run->d_sae * sizeof *f->base);
	for (uint32_t i = 0; i < run->d_sae; i++) {
		f->last[i] = step - 1;
	}
	window_begin_at(run, step);
	run->position.window.excused = 0;
	run->position.window.flaws = 0;
	run->arrays_changed = run->base_changed = true;
}

/* Back at `step` without the state of that moment. */
static void start_without_state(struct run *run, uint32_t step) {
	struct position *p = &run->position;

	schedule_truncate(&p->schedule, step - 1);
	p->step = step - 1;
	p->known_from = step;
	if (run->d_sae == 0) {
		return;
	}
	/* What it leaves behind did fire: else one whose total is 0 might have. */
	run_keep_closed_totals(run);
	firing_close_window(&run->firing);
	firing_clamp_last(&run->firing, step - 1);
	/* A feature that fires no more is dead by then, whenever it was that it last did. */
	p->exact_from = (uint64_t)step + run->config.dead_window;
	window_begin_at(run, step);
	run->arrays_changed = run->base_changed = true;
}

/* The position is that before `step`, or before some steps that are missing. Its window may have been
 * gathered under other settings. */
static void start_here(struct run *run) {
	const struct window *w = &run->position.window;
	const struct run_config *c = &run->config;

	if (run->d_sae == 0 || (w->length == c->window_steps &&
				       w->closes_before == c->profile->close_before_fold)) {
		return;
	}
	run_keep_closed_totals(run);
	firing_close_window(&run->firing);
	window_begin_at(run, run->position.step + 1);
	run->arrays_changed = run->base_changed = true;
}

static const struct known_mark *find_mark(const struct run *run, uint32_t step) {
	for (uint32_t i = run->n_marks; i-- > 0;) {
		if (run->marks[i].step == step) {
			return &run->marks[i];
		}
	}
	return NULL;
}

static void mark_wait_begin(
	struct run *run, const struct known_mark *mark, struct place place, double time) {
	run->mark_wait =
		(struct mark_wait){.waiting = true, .mark = *mark, .place = place, .time = time};
	run->registry->marks_unasked++;
}

void mark_wait_end(struct run *run) {
	if (run->mark_wait.waiting && !run->mark_wait.asked) {
		run->registry->marks_unasked--;
	}
	run->mark_wait = (struct mark_wait){0};
}

bool attempt_ready(struct run *run, struct place place, double time) {
	uint32_t step = (uint32_t)place.step;
	if (run->settled && place.lap == run->folded.lap) {
		return true;
	}
	if (run->mark_wait.waiting) {
		return false;
	}
	if (!run->position.has_step || step == 0) {
		start_fresh(run, step);
		attempt_begin(run, place, time, "start");
		return true;
	}
	if (step > run->position.step) {
		start_here(run);
		attempt_begin(run, place, time, "continued");
		return true;
	}
	const struct known_mark *mark = find_mark(run, step - 1);
	if (mark != NULL) {
		mark_wait_begin(run, mark, place, time);
		return false;
	}
	start_without_state(run, step);
	attempt_begin(run, place, time, "none");
	return true;
}

void attempt_restore(
	struct run *run, struct place place, const struct state_view *view, double time) {
	mark_wait_end(run);
	state_take(run, view);
	start_here(run);
	attempt_begin(run, (struct place){place.lap, place.step + 1}, time, "state");
	run->restored = true;
}

void registry_give_mark(
	struct registry *r, struct run *run, const uint8_t *state, size_t len, struct instant now) {
	(void)r;
	struct mark_wait wait = run->mark_wait;
	if (!wait.waiting) {
		return;
	}
	mark_wait_end(run);

	struct state_view view;
	uint32_t step = (uint32_t)wait.place.step;
	if (state != NULL && state_read(state, len, run->d_sae, &view) == NULL &&
		view.position.step == step - 1) {
		state_take(run, &view);
		start_here(run);
		attempt_begin(run, wait.place, wait.time, "mark");
	} else {
		start_without_state(run, step);
		attempt_begin(run, wait.place, wait.time, "none");
	}
	run_settle(run, now);
	list_for_each(link, &run->streams) {
		stream_unblock(container_of(link, struct stream, link));
	}
}

void attempt_remember_mark(struct run *run) {
	if (run->n_marks == MARKS_KEPT) {
		memmove(run->marks, run->marks + 1, (MARKS_KEPT - 1) * sizeof run->marks[0]);
		run->n_marks--;
	}
	run->marks[run->n_marks++] = (struct known_mark){run->attempt, run->position.step};
}

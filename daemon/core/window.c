#include "window.h"

#include "changes.h"

/* The boundary at or behind `step`. */
static uint64_t boundary_from(uint64_t step, uint32_t length) {
	return (step / length + 1) * length - 1;
}

void window_open(struct window *w, uint32_t length, bool closes_before, uint32_t step) {
	*w = (struct window){
		.length = length,
		.closes_before = closes_before,
		.boundary = boundary_from((uint64_t)step + (closes_before ? 1 : 0), length),
	};
}

void window_open_next(struct window *w) {
	*w = (struct window){
		.length = w->length,
		.closes_before = w->closes_before,
		.boundary = w->boundary + w->length,
		.flaws = w->next_flaws,
	};
}

uint32_t window_ordinal(const struct window *w) {
	return (uint32_t)((w->boundary + 1) / w->length - 1);
}

uint64_t window_begin(const struct window *w) {
	if (!w->closes_before) {
		return w->boundary + 1 - w->length;
	}
	return w->boundary < w->length ? 0 : w->boundary - w->length;
}

uint64_t window_end(const struct window *w) {
	return w->closes_before ? w->boundary - 1 : w->boundary;
}

uint32_t window_steps_expected(const struct window *w) {
	return (uint32_t)(window_end(w) + 1 - window_begin(w));
}

bool window_ends_before(const struct window *w, uint32_t step) {
	return w->length > 0 && step > window_end(w);
}

bool window_ends_after(const struct window *w, uint32_t step) {
	return w->length > 0 && !w->closes_before && step == w->boundary;
}

uint64_t window_count_skipped(const struct window *w, uint32_t step) {
	uint64_t end = window_end(w);

	return step > end ? (step - end - 1) / w->length + 1 : 0;
}

void window_count_step(struct window *w, uint32_t step) {
	if (w->n_steps++ == 0) {
		w->step_first = step;
	}
	w->step_last = step;
}

void window_blame(struct window *w, int64_t step, uint32_t flaw) {
	if (w->length == 0 || step < (int64_t)window_begin(w)) {
		return;
	}
	if (step <= (int64_t)window_end(w)) {
		w->flaws |= flaw;
	} else {
		w->next_flaws |= flaw;
	}
}

void window_forget_counts(struct window *w) {
	if (w->length == 0 || w->n_steps == 0) {
		return;
	}
	w->excused += w->n_steps;
	w->n_steps = 0;
	w->n_rows = w->n_rows_counted = 0;
	w->revived = w->dead_before = 0;
	w->flaws |= FLAW_RESUMED;
}

uint32_t window_flaws(const struct window *w, uint64_t through) {
	uint64_t last = through < window_end(w) ? through : window_end(w);
	uint64_t begin = window_begin(w);
	uint64_t due = last + 1 > begin ? last + 1 - begin : 0;

	if (due > (uint64_t)w->n_steps + w->excused) {
		return w->flaws | FLAW_STEPS_MISSING;
	}
	return w->flaws;
}

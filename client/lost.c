#include "lost.h"

void lost_add_step(struct lost *lost, uint32_t step) {
	if (lost->n_steps == 0 || step < lost->step_min) {
		lost->step_min = step;
	}
	if (lost->n_steps == 0 || step > lost->step_max) {
		lost->step_max = step;
	}
	lost->n_steps++;
}

void lost_merge(struct lost *into, const struct lost *from) {
	if (from->n_steps == 0) {
		return;
	}

	uint64_t n_steps = into->n_steps + from->n_steps;
	lost_add_step(into, from->step_min);
	lost_add_step(into, from->step_max);
	into->n_steps = n_steps;
}

struct lost lost_tail(const struct lost *whole, uint64_t count) {
	struct lost tail = *whole;

	if (tail.n_steps > count) {
		tail.n_steps = count;
	}
	return tail;
}

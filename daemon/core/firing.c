#include "firing.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Counts are summed in 32 bits within a block, which costs a third of summing in 64; a block with
 * a count so large that this could overflow is summed again. */
#define BLOCK      4096u
#define BLOCK_SAFE (UINT32_MAX / BLOCK)

/* What a pass over a vector of counts does, besides summing it. */
#define PASS_ADD  1u /* window += count */
#define PASS_MARK 2u /* last = step where it fired */

struct pass {
	uint32_t d_sae;
	uint32_t *window, *last;
	uint32_t step;
	int32_t dead_below; /* a feature that last fired before this was dead */
	uint64_t sum;
	uint32_t revived;
};

/* The payload is where the frame left it: not aligned. */
ALWAYS_INLINE uint32_t load(const uint8_t *data, size_t i, size_t width) {
	uint32_t wide;
	uint16_t narrow;

	switch (width) {
	case 1:
		return data[i];
	case 2:
		memcpy(&narrow, data + i * 2, 2);
		return le16toh(narrow);
	default:
		memcpy(&wide, data + i * 4, 4);
		return le32toh(wide);
	}
}

ALWAYS_INLINE uint64_t sum_block(const uint8_t *data, size_t begin, size_t end, size_t width) {
	uint64_t sum = 0;

	for (size_t i = begin; i < end; i++) {
		sum += load(data, i, width);
	}
	return sum;
}

/* `width` and `what` are constants wherever this is inlined: each combination is a loop of its own. */
ALWAYS_INLINE void pass_dense(
	struct pass *p, const uint8_t *restrict data, size_t width, unsigned what) {
	uint32_t *restrict window = p->window;
	uint32_t *restrict last = p->last;
	uint32_t step = p->step;
	int32_t dead_below = p->dead_below;

	for (size_t begin = 0; begin < p->d_sae; begin += BLOCK) {
		size_t end = p->d_sae - begin < BLOCK ? p->d_sae : begin + BLOCK;
		uint32_t sum = 0, any = 0, revived = 0;

		for (size_t i = begin; i < end; i++) {
			uint32_t count = load(data, i, width);
			sum += count;
			if (width == 4) {
				any |= count; /* narrower ones are safe anyway */
			}
			if (what & PASS_ADD) {
				window[i] += count;
			}
			if (what & PASS_MARK) {
				revived += (count != 0) & ((int32_t)last[i] < dead_below);
				last[i] = count != 0 ? step : last[i];
			}
		}
		p->sum += any <= BLOCK_SAFE ? sum : sum_block(data, begin, end, width);
		p->revived += revived;
	}
}

ALWAYS_INLINE void pass_pairs(
	struct pass *p, const struct counts *counts, size_t width, unsigned what) {
	const uint8_t *indices = counts->data;
	const uint8_t *values = counts->data + (size_t)counts->n_entries * 4;

	for (size_t k = 0; k < counts->n_entries; k++) {
		uint32_t i = load(indices, k, 4);
		uint32_t count = load(values, k, width);
		p->sum += count;
		if (what & PASS_ADD) {
			p->window[i] += count;
		}
		if (what & PASS_MARK) {
			p->revived += (count != 0) & ((int32_t)p->last[i] < p->dead_below);
			p->last[i] = count != 0 ? p->step : p->last[i];
		}
	}
}

ALWAYS_INLINE void pass_form(struct pass *p, const struct counts *counts, unsigned what) {
	switch (counts->form) {
	case COUNTS_NONE:
		break;
	case COUNTS_U8:
		pass_dense(p, counts->data, 1, what);
		break;
	case COUNTS_U16:
		pass_dense(p, counts->data, 2, what);
		break;
	case COUNTS_U32:
		pass_dense(p, counts->data, 4, what);
		break;
	case COUNTS_PAIRS16:
		pass_pairs(p, counts, 2, what);
		break;
	case COUNTS_PAIRS32:
		pass_pairs(p, counts, 4, what);
		break;
	}
}

KERNEL static void pass_run(struct pass *p, const struct counts *counts, unsigned what) {
	switch (what) {
	case PASS_ADD | PASS_MARK:
		pass_form(p, counts, PASS_ADD | PASS_MARK);
		break;
	case PASS_ADD:
		pass_form(p, counts, PASS_ADD);
		break;
	case PASS_MARK:
		pass_form(p, counts, PASS_MARK);
		break;
	default:
		pass_form(p, counts, 0);
		break;
	}
}

int firing_init(struct firing *f, uint32_t d_sae, uint32_t before) {
	struct firing made = {
		.d_sae = d_sae,
		.window = calloc(d_sae, sizeof(*made.window)),
		.last = calloc(d_sae, sizeof(*made.last)),
		.base = calloc(d_sae, sizeof(*made.base)),
	};

	if (!made.window || !made.last || !made.base) {
		firing_finish(&made);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < d_sae; i++) {
		made.last[i] = before;
	}
	*f = made;
	return 0;
}

void firing_finish(struct firing *f) {
	if (!f) {
		return;
	}
	free(f->window);
	free(f->last);
	free(f->base);
	*f = (struct firing){0};
}

/* A feature was dead before `step` when (step − 1) − last > dead_window. `last` is −1 at the least. */
static int32_t dead_threshold(uint32_t step, uint32_t dead_window) {
	int64_t below = (int64_t)step - 1 - (int64_t)dead_window;

	return below < INT32_MIN ? INT32_MIN : (int32_t)below;
}

void firing_fold(struct firing *f, const struct counts *nonzero, const struct counts *positive,
	bool fires_nonzero, uint32_t step, uint32_t dead_window, struct fold_sums *ret) {
	assert(step <= STEP_MAX);
	bool same = !positive || positive->form == COUNTS_NONE;
	struct pass p = {
		.d_sae = f->d_sae,
		.window = f->window,
		.last = f->last,
		.step = step,
		.dead_below = dead_threshold(step, dead_window),
	};
	struct fold_sums sums;

	pass_run(&p, nonzero, same || fires_nonzero ? PASS_ADD | PASS_MARK : PASS_ADD);
	sums.nonzero = p.sum;
	if (!same) {
		p.sum = 0;
		pass_run(&p, positive, fires_nonzero ? 0 : PASS_MARK);
	}
	sums.positive = p.sum;
	sums.revived = p.revived;
	*ret = sums;
}

void counts_add(uint32_t *sums, uint32_t d_sae, const struct counts *counts) {
	struct pass p = {.d_sae = d_sae, .window = sums};

	pass_run(&p, counts, PASS_ADD);
}

KERNEL static uint32_t count_below(const uint32_t *last, uint32_t n, int32_t below) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		count += (int32_t)last[i] < below;
	}
	return count;
}

uint32_t firing_count_dead(const struct firing *f, uint32_t step, uint32_t dead_window) {
	return count_below(f->last, f->d_sae, dead_threshold(step + 1, dead_window));
}

uint32_t firing_count_through(const struct firing *f, int64_t step) {
	assert(step >= -1 && step <= STEP_MAX);
	return count_below(f->last, f->d_sae, (int32_t)(step + 1));
}

KERNEL static uint64_t sum_since(const uint32_t *last, uint32_t n, uint32_t step) {
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += step - last[i];
	}
	return sum;
}

uint64_t firing_sum_passes(const struct firing *f, uint32_t step) {
	return sum_since(f->last, f->d_sae, step);
}

KERNEL static void move_window(uint64_t *restrict base, uint32_t *restrict window, uint32_t n) {
	for (uint32_t i = 0; i < n; i++) {
		base[i] += window[i];
		window[i] = 0;
	}
}

void firing_close_window(struct firing *f) {
	move_window(f->base, f->window, f->d_sae);
}

KERNEL static uint32_t count_zero(const uint64_t *base, const uint32_t *window, uint32_t n) {
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		count += (base[i] | window[i]) == 0;
	}
	return count;
}

uint32_t firing_count_never(const struct firing *f) {
	return count_zero(f->base, f->window, f->d_sae);
}

KERNEL static void clamp_last(uint32_t *last, uint32_t n, int32_t step) {
	for (uint32_t i = 0; i < n; i++) {
		last[i] = (int32_t)last[i] < step ? last[i] : (uint32_t)step;
	}
}

void firing_clamp_last(struct firing *f, uint32_t step) {
	clamp_last(f->last, f->d_sae, (int32_t)step);
}

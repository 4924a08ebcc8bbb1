#include "schedule.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernel.h"

/* Features silent for fewer steps than this are counted by how many (64 KiB of stack), the
 * others looked up one by one: few, and those that never fired share one answer. */
#define RECENT_STEPS 8192u

__extension__ typedef unsigned __int128 wide;

static uint64_t rows_before(const struct schedule *s, uint32_t k) {
	return k == 0 ? 0 : s->segments[k - 1].through;
}

/* Rows of all steps up to `step`, which lies behind the segment's first and before the
 * next segment. */
static uint64_t rows_within(const struct schedule *s, uint32_t k, int64_t step) {
	const struct schedule_segment *segment = &s->segments[k];
	uint64_t before = rows_before(s, k);

	if (step >= segment->last) {
		return segment->through;
	}
	wide rows = segment->through - before;
	uint64_t steps = (uint64_t)(step - segment->first + 1);
	return before + (uint64_t)(rows * steps / (segment->last - segment->first + 1u));
}

/* The last segment that begins at or before `step`; s->n when there is none. */
static uint32_t find_segment(const struct schedule *s, int64_t step) {
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (s->segments[middle].first <= step) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low == 0 ? s->n : low - 1;
}

static uint64_t rows_through(const struct schedule *s, uint32_t step) {
	uint32_t k = find_segment(s, (int32_t)step);

	return k == s->n ? 0 : rows_within(s, k, (int32_t)step);
}

/* How far the rows at a step would move if segments k and k + 1 became one. */
static double bend_at(const struct schedule *s, uint32_t k, uint32_t step, uint64_t rows) {
	const struct schedule_segment *a = &s->segments[k], *b = &s->segments[k + 1];
	double share = (double)(step - a->first + 1) / (double)(b->last - a->first + 1);
	double even = share * (double)(b->through - rows_before(s, k));

	return fabs(even - (double)(rows - rows_before(s, k)));
}

static double bend(const struct schedule *s, uint32_t k) {
	const struct schedule_segment *a = &s->segments[k], *b = &s->segments[k + 1];

	return fmax(bend_at(s, k, a->last, a->through), bend_at(s, k, b->first - 1, a->through));
}

static void merge_least(struct schedule *s) {
	uint32_t best = 0;
	double least = bend(s, 0);

	for (uint32_t k = 1; k + 1 < s->n; k++) {
		double bent = bend(s, k);
		if (bent < least) {
			least = bent;
			best = k;
		}
	}
	s->segments[best + 1].first = s->segments[best].first;
	s->segments[best + 1].joined = true;
	memmove(&s->segments[best], &s->segments[best + 1],
		(s->n - best - 1) * sizeof(s->segments[0]));
	s->n--;
}

static bool continues(const struct schedule *s, uint32_t step, uint64_t rows) {
	if (s->n == 0 || s->segments[s->n - 1].last + 1 != step) {
		return false;
	}
	const struct schedule_segment *newest = &s->segments[s->n - 1];
	wide steps = newest->last - newest->first + 1u;
	return !newest->joined && steps * rows == newest->through - rows_before(s, s->n - 1);
}

void schedule_append(struct schedule *s, uint32_t step, uint64_t rows) {
	uint64_t through = schedule_total(s) + rows;

	assert(s->n == 0 || step > s->segments[s->n - 1].last);
	if (continues(s, step, rows)) {
		s->segments[s->n - 1].last = step;
		s->segments[s->n - 1].through = through;
		return;
	}
	s->segments[s->n++] = (struct schedule_segment){step, step, through, false};
	if (s->n > SCHEDULE_SEGMENTS) {
		merge_least(s);
	}
}

void schedule_truncate(struct schedule *s, uint32_t step) {
	uint32_t k = find_segment(s, (int32_t)step);

	if (k == s->n) {
		s->n = 0;
		return;
	}
	s->n = k + 1;
	if (s->segments[k].last > step) {
		s->segments[k].through = rows_within(s, k, step);
		s->segments[k].last = step;
	}
}

uint64_t schedule_total(const struct schedule *s) {
	return rows_before(s, s->n);
}

uint64_t schedule_tokens_since(const struct schedule *s, uint32_t last, uint32_t now) {
	return rows_through(s, now) - rows_through(s, last);
}

/* The first segment by whose end there were more. */
static uint32_t find_rows(const struct schedule *s, uint64_t rows) {
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (s->segments[middle].through <= rows) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

bool schedule_silent_for(const struct schedule *s, uint64_t rows, struct schedule_silence *ret) {
	uint64_t total = schedule_total(s);

	if (rows == 0 || total < rows) {
		return false;
	}
	/* The newest step by which no more than these had been folded. */
	uint64_t before = total - rows;
	uint32_t k = find_rows(s, before);
	const struct schedule_segment *segment = &s->segments[k];
	wide steps = segment->last - segment->first + 1u;
	uint64_t within = segment->through - rows_before(s, k);
	int64_t certain = (int64_t)segment->first - 1;

	if (segment->joined) {
		*ret = (struct schedule_silence){certain, (int64_t)segment->last - 1};
	} else {
		certain += (int64_t)((before - rows_before(s, k)) * steps / within);
		*ret = (struct schedule_silence){certain, certain};
	}
	return true;
}

/* Rows since the features counted by how many steps they have been silent. */
static wide rows_since_recent(const struct schedule *s, uint32_t (*silent)[2], uint32_t now) {
	uint64_t rows_now = rows_through(s, now);
	uint32_t k = find_segment(s, (int32_t)now);
	wide sum = 0;

	for (uint32_t steps = 0; steps < RECENT_STEPS; steps++) {
		uint64_t features = (uint64_t)silent[steps][0] + silent[steps][1];
		if (features == 0) {
			continue;
		}
		int64_t step = (int64_t)now - steps;
		while (k < s->n && s->segments[k].first > step) {
			k = k == 0 ? s->n : k - 1;
		}
		uint64_t rows = k < s->n ? rows_within(s, k, step) : 0;
		sum += (wide)features * (rows_now - rows);
	}
	return sum;
}

static wide rows_since_uneven(
	const struct schedule *s, const uint32_t *last, uint32_t d_sae, uint32_t now) {
	/* Two counts a distance, so that equal neighbours do not wait for each other. */
	uint32_t silent[RECENT_STEPS][2] = {0};
	uint32_t known = UINT32_MAX - 1; /* no step */
	uint64_t since_known = 0;
	wide sum = 0;

	for (uint32_t i = 0; i < d_sae; i++) {
		uint32_t steps = now - last[i];
		if (steps < RECENT_STEPS) {
			silent[steps][i & 1]++;
			continue;
		}
		if (last[i] != known) {
			known = last[i];
			since_known = schedule_tokens_since(s, known, now);
		}
		sum += since_known;
	}
	return sum + rows_since_recent(s, silent, now);
}

struct newest {
	uint32_t n;     /* features that fired in the newest segment, or never */
	uint64_t steps; /* since they fired; of those that did */
	uint32_t n_never;
};

/* Integers, so that the sum is the same in whatever order. */
KERNEL static struct newest in_newest(
	const uint32_t *last, uint32_t d_sae, uint32_t first, uint32_t now) {
	uint32_t n = 0, n_never = 0;
	uint64_t steps = 0;

	for (uint32_t i = 0; i < d_sae; i++) {
		uint32_t since = now - last[i];
		bool never = last[i] == UINT32_MAX;
		bool is_in = since <= now - first; /* never: now + 1 steps */
		n += is_in;
		n_never += never;
		steps += is_in ? since : 0;
	}
	return (struct newest){n + n_never, steps, n_never};
}

/* Of a run whose batches have all been alike for longer than any feature was silent, which is the rule:
 * the rows since are the steps since. false: it is another one. */
static bool rows_since_even(
	const struct schedule *s, const uint32_t *last, uint32_t d_sae, uint32_t now, wide *ret) {
	if (s->n == 0 || s->segments[s->n - 1].last != now) {
		return false;
	}
	const struct schedule_segment *newest = &s->segments[s->n - 1];
	uint64_t rows = newest->through - rows_before(s, s->n - 1);
	uint32_t length = newest->last - newest->first + 1;
	if (rows % length != 0) {
		return false; /* joined of several */
	}
	struct newest in = in_newest(last, d_sae, newest->first, now);
	*ret = (wide)in.steps * (rows / length) + (wide)in.n_never * schedule_total(s);
	return in.n == d_sae;
}

double schedule_mean_tokens_since(
	const struct schedule *s, const uint32_t *last, uint32_t d_sae, uint32_t now) {
	wide sum;

	if (!rows_since_even(s, last, d_sae, now, &sum)) {
		sum = rows_since_uneven(s, last, d_sae, now);
	}
	return (double)sum / d_sae;
}

#include "tally.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* Nothing in the arrays is worth keeping when they grow. */
static bool renew(uint32_t **array, size_t room) {
	free(*array);
	*array = calloc(room, sizeof(**array));
	return *array != NULL;
}

static int reserve_large(struct tally *t, uint32_t n_large) {
	if (n_large <= t->large_room) {
		return 0;
	}
	t->large_room = 0;
	if (!renew(&t->large, n_large) || !renew(&t->spare, n_large)) {
		return -ENOMEM;
	}
	t->large_room = n_large;
	return 0;
}

static int reserve_distinct(struct tally *t, uint32_t room) {
	if (room <= t->room) {
		return 0;
	}
	t->room = 0;
	if (!renew(&t->count, room + 1ul) || !renew(&t->features, room + 1ul) ||
		!renew(&t->below, room + 1ul)) {
		return -ENOMEM;
	}
	t->room = room;
	return 0;
}

KERNEL static uint32_t count_large(const uint32_t *counts, uint32_t d_sae) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < d_sae; i++) {
		n += counts[i] >= TALLY_SMALL;
	}
	return n;
}

/* Tallies the small counts and sets the large ones aside. */
static void divide(struct tally *t, const uint32_t *counts, uint32_t d_sae) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < d_sae; i++) {
		uint32_t count = counts[i];
		if (count < TALLY_SMALL) {
			t->small[count > 0 ? count : TALLY_SMALL + i % TALLY_ZEROS]++;
		} else {
			t->large[n++] = count;
		}
	}
}

/* Gathers the table's tallies and clears it. Written without a branch, which nobody could predict: into
 * the place of the next, which counts where there is one. */
static void gather_small(struct tally *t) {
	uint32_t n = 0;

	for (uint32_t i = TALLY_SMALL; i < TALLY_SMALL + TALLY_ZEROS; i++) {
		t->small[0] += t->small[i];
	}
	for (uint32_t count = 0; count < TALLY_SMALL; count++) {
		t->count[n] = count;
		t->features[n] = t->small[count];
		n += t->small[count] > 0;
	}
	t->n = n;
	memset(t->small, 0, sizeof(t->small));
}

/* One pass of a sort by bytes, the lowest first. */
static void sort_by_byte(const uint32_t *from, uint32_t *to, uint32_t n, unsigned shift) {
	uint32_t at[257] = {0};

	for (uint32_t i = 0; i < n; i++) {
		at[(from[i] >> shift & 0xff) + 1]++;
	}
	for (unsigned byte = 0; byte < 256; byte++) {
		at[byte + 1] += at[byte];
	}
	for (uint32_t i = 0; i < n; i++) {
		to[at[from[i] >> shift & 0xff]++] = from[i];
	}
}

static void sort_large(struct tally *t, uint32_t n) {
	sort_by_byte(t->large, t->spare, n, 0);
	sort_by_byte(t->spare, t->large, n, 8);
	sort_by_byte(t->large, t->spare, n, 16);
	sort_by_byte(t->spare, t->large, n, 24);
}

static void add(struct tally *t, uint32_t count, uint32_t features) {
	t->count[t->n] = count;
	t->features[t->n++] = features;
}

static void sum_up(struct tally *t) {
	uint32_t below = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		t->below[i] = below;
		below += t->features[i];
	}
	t->below[t->n] = below;
}

int tally_take(struct tally *t, const uint32_t *counts, uint32_t d_sae) {
	uint32_t n_large = count_large(counts, d_sae);
	uint32_t n_distinct_max = d_sae < TALLY_SMALL + n_large ? d_sae : TALLY_SMALL + n_large;

	if (reserve_large(t, n_large) < 0 || reserve_distinct(t, n_distinct_max) < 0) {
		return -ENOMEM;
	}
	divide(t, counts, d_sae);
	gather_small(t);
	if (n_large > 0) {
		sort_large(t, n_large);
	}
	for (uint32_t i = 0, same = 0; i < n_large; i += same) {
		for (same = 1; i + same < n_large && t->large[i + same] == t->large[i]; same++) {
		}
		add(t, t->large[i], same);
	}
	sum_up(t);
	return 0;
}

/* How many of n numbers, which ascend, are below the limit. */
static uint32_t numbers_below(const uint32_t *numbers, uint32_t n, uint64_t limit) {
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (numbers[middle] < limit) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

uint32_t tally_below(const struct tally *t, uint64_t limit) {
	return t->below[numbers_below(t->count, t->n, limit)];
}

uint32_t tally_find(const struct tally *t, uint32_t k) {
	return numbers_below(t->below, t->n, k + 1ull) - 1; /* the last with so few below it */
}

void tally_finish(struct tally *t) {
	free(t->large);
	free(t->spare);
	free(t->count);
	free(t->features);
	free(t->below);
	t->large = t->spare = t->count = t->features = t->below = NULL;
	t->n = t->room = t->large_room = 0;
}

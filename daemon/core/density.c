#include "density.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "threshold.h"

#define SMALL (1u << 16) /* counts below it are tallied in a table, the others sorted */
#define ZEROS 8u /* tallies of 0, used in turn: equal neighbours would wait for each other */

/* The distinct counts, ascending, and how many features have each, or one below it: all that is
 * computed below is looked up in these. */
struct tally {
	uint32_t n, room;
	uint32_t *count;
	uint32_t *features;
	uint32_t *below; /* [n + 1]: features with a count below count[i]; at n, all of them */
	float *log10;    /* as the reference rounds it */
};

struct density_scratch {
	uint32_t small[SMALL + ZEROS]; /* zero between uses; behind SMALL those of 0 */
	/* Of the small counts, for windows of that many rows; NaN: not computed yet. Windows of
	 * one length are the rule, and a log10 costs more than all else that is done for a count. */
	float logs[SMALL];
	uint64_t logs_rows;      /* 0: none */
	uint32_t *large, *spare; /* [large_room] */
	uint32_t large_room;
	struct tally tally;
};

struct density_scratch *density_scratch_create(void) {
	return calloc(1, sizeof(struct density_scratch));
}

void density_scratch_destroy(struct density_scratch *s) {
	if (!s) {
		return;
	}
	free(s->large);
	free(s->spare);
	free(s->tally.count);
	free(s->tally.features);
	free(s->tally.below);
	free(s->tally.log10);
	free(s);
}

/* Nothing in the arrays is worth keeping when they grow. */
static bool renew(uint32_t **array, size_t room) {
	free(*array);
	*array = calloc(room, sizeof(**array));
	return *array != NULL;
}

static int reserve_large(struct density_scratch *s, uint32_t n_large) {
	if (n_large <= s->large_room) {
		return 0;
	}
	s->large_room = 0;
	if (!renew(&s->large, n_large) || !renew(&s->spare, n_large)) {
		return -ENOMEM;
	}
	s->large_room = n_large;
	return 0;
}

static int reserve_tally(struct tally *t, uint32_t room) {
	if (room <= t->room) {
		return 0;
	}
	t->room = 0;
	free(t->log10);
	t->log10 = calloc(room, sizeof(*t->log10));
	if (!t->log10 || !renew(&t->count, room + 1ul) || !renew(&t->features, room + 1ul) ||
		!renew(&t->below, room + 1ul)) {
		return -ENOMEM;
	}
	t->room = room;
	return 0;
}

KERNEL static uint32_t count_large(const uint32_t *counts, uint32_t d_sae) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < d_sae; i++) {
		n += counts[i] >= SMALL;
	}
	return n;
}

/* Tallies the small counts and sets the large ones aside. */
static void divide(struct density_scratch *s, const uint32_t *counts, uint32_t d_sae) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < d_sae; i++) {
		uint32_t count = counts[i];
		if (count < SMALL) {
			s->small[count > 0 ? count : SMALL + i % ZEROS]++;
		} else {
			s->large[n++] = count;
		}
	}
}

/* Gathers the table's tallies and clears it. Written without a branch, which nobody could predict: into
 * the place of the next, which counts where there is one. */
static void gather_small(struct density_scratch *s) {
	struct tally *t = &s->tally;
	uint32_t n = 0;

	for (uint32_t i = SMALL; i < SMALL + ZEROS; i++) {
		s->small[0] += s->small[i];
	}
	for (uint32_t count = 0; count < SMALL; count++) {
		t->count[n] = count;
		t->features[n] = s->small[count];
		n += s->small[count] > 0;
	}
	t->n = n;
	memset(s->small, 0, sizeof(s->small));
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

static void sort_large(struct density_scratch *s, uint32_t n) {
	sort_by_byte(s->large, s->spare, n, 0);
	sort_by_byte(s->spare, s->large, n, 8);
	sort_by_byte(s->large, s->spare, n, 16);
	sort_by_byte(s->spare, s->large, n, 24);
}

static void tally_add(struct tally *t, uint32_t count, uint32_t features) {
	t->count[t->n] = count;
	t->features[t->n++] = features;
}

static void tally_sum_up(struct tally *t) {
	uint32_t below = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		t->below[i] = below;
		below += t->features[i];
	}
	t->below[t->n] = below;
}

static int tally_counts(struct density_scratch *s, const uint32_t *counts, uint32_t d_sae) {
	struct tally *t = &s->tally;
	uint32_t n_large = count_large(counts, d_sae);
	uint32_t n_distinct_max = d_sae < SMALL + n_large ? d_sae : SMALL + n_large;

	if (reserve_large(s, n_large) < 0 || reserve_tally(t, n_distinct_max) < 0) {
		return -ENOMEM;
	}
	divide(s, counts, d_sae);
	gather_small(s);
	if (n_large > 0) {
		sort_large(s, n_large);
	}
	for (uint32_t i = 0, same = 0; i < n_large; i += same) {
		for (same = 1; i + same < n_large && s->large[i + same] == s->large[i]; same++) {
		}
		tally_add(t, s->large[i], same);
	}
	tally_sum_up(t);
	return 0;
}

/* The reference's own arithmetic, rounding by rounding. */
static float log10_density(uint32_t count, uint64_t n_rows) {
	float density = (float)count / (float)n_rows;
	float shifted = density + 1e-10f;

	return (float)log10((double)shifted);
}

static void logs_renew(struct density_scratch *s, uint64_t n_rows) {
	if (s->logs_rows == n_rows) {
		return;
	}
	for (uint32_t i = 0; i < SMALL; i++) {
		s->logs[i] = NAN;
	}
	s->logs_rows = n_rows;
}

static void take_logs(struct density_scratch *s, uint64_t n_rows, struct density_summary *d) {
	struct tally *t = &s->tally;
	uint32_t i = 0;
	double sum = 0;

	logs_renew(s, n_rows);
	for (; i < t->n && t->count[i] < SMALL; i++) {
		float *log = &s->logs[t->count[i]];
		if (isnan(*log)) {
			*log = log10_density(t->count[i], n_rows);
		}
		t->log10[i] = *log;
		sum += (double)*log * t->features[i];
	}
	for (; i < t->n; i++) {
		t->log10[i] = log10_density(t->count[i], n_rows);
		sum += (double)t->log10[i] * t->features[i];
	}
	d->mean_log10 = n_rows == 0 ? (double)NAN : sum / d->d_sae;
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

static uint32_t features_below(const struct tally *t, uint64_t limit) {
	return t->below[numbers_below(t->count, t->n, limit)];
}

/* The smallest count in the bin: log10(count / rows) ≥ bin / 20 − 10. Whole decades are
 * decided in integers; between them the edge is irrational, and no count lies on it. */
static uint64_t fixed_bin_begin(uint32_t bin, uint64_t n_rows) {
	uint32_t below_one = FIXED_BINS - bin;
	uint64_t power = 1;

	if (below_one % FIXED_BINS_DECADE != 0) {
		return (uint64_t)ceil(
			pow(10, -(double)below_one / FIXED_BINS_DECADE) * (double)n_rows);
	}
	for (uint32_t decade = below_one / FIXED_BINS_DECADE; decade > 0; decade--) {
		power *= 10;
	}
	return n_rows / power + (n_rows % power != 0);
}

/* The first bin holds what is below it, too, but for those that never fired; the last what is above. */
static void fill_fixed_bins(const struct tally *t, uint64_t n_rows, struct density_summary *d) {
	uint32_t before = d->never_fired;

	for (uint32_t bin = 0; bin < FIXED_BINS; bin++) {
		bool is_last = bin == FIXED_BINS - 1;
		uint32_t through =
			is_last ? d->d_sae : features_below(t, fixed_bin_begin(bin + 1, n_rows));
		through = through < before ? before : through;
		d->fixed_counts[bin] = through - before;
		before = through;
	}
}

/* The k-th smallest density of the features that fired, and the one after it (or the same,
 * when it is the last), as log10. */
static void order_statistics(const struct tally *t, uint64_t n_rows, uint32_t k, double ret[2]) {
	uint32_t rank = k + (t->count[0] == 0 ? t->features[0] : 0); /* among all features */
	uint32_t i =
		numbers_below(t->below, t->n, rank + 1ull) - 1; /* the last with so few below it */
	uint32_t next = rank + 1 < t->below[i + 1] || i + 1 == t->n ? i : i + 1;

	ret[0] = log10((double)t->count[i] / (double)n_rows);
	ret[1] = log10((double)t->count[next] / (double)n_rows);
}

static void fill_quantiles(const struct tally *t, uint64_t n_rows, struct density_summary *d) {
	static const double shares[DENSITY_QUANTILES] = {0.1, 0.25, 0.5, 0.75, 0.9};

	for (uint32_t q = 0; q < DENSITY_QUANTILES; q++) {
		double around[2];
		if (d->n_quantile_features == 0 || n_rows == 0) {
			d->quantiles[q] = (double)NAN;
			continue;
		}
		double position = shares[q] * (d->n_quantile_features - 1);
		uint32_t k = (uint32_t)position;
		order_statistics(t, n_rows, k, around);
		d->quantiles[q] = around[0] + (around[1] - around[0]) * (position - k);
	}
}

int density_summarise(const uint32_t *counts, uint32_t d_sae, uint64_t n_rows,
	const double *thresholds, uint32_t n_thresholds, struct density_scratch *scratch,
	struct density_summary *ret) {
	struct density_summary d = {
		.d_sae = d_sae,
		.n_rows = n_rows,
		.n_thresholds = n_thresholds,
	};
	struct tally *t = &scratch->tally;
	int r = tally_counts(scratch, counts, d_sae);

	if (r < 0) {
		return r;
	}
	take_logs(scratch, n_rows, &d);
	d.below_1e_5 = features_below(t, threshold_limit(1e-5, n_rows));
	d.below_1e_6 = features_below(t, threshold_limit(1e-6, n_rows));
	d.never_fired = features_below(t, 1);
	d.above_1e_2 = d_sae - features_below(t, n_rows / 100 + 1);
	d.above_1e_1 = d_sae - features_below(t, n_rows / 10 + 1);
	for (uint32_t i = 0; i < n_thresholds; i++) {
		d.thresholds[i] = thresholds[i];
		d.below[i] = features_below(t, threshold_limit(thresholds[i], n_rows));
	}
	d.n_quantile_features = d_sae - d.never_fired;
	fill_quantiles(t, n_rows, &d);
	fill_fixed_bins(t, n_rows, &d);
	d.has_wandb = n_rows > 0 &&
		      wandb_histogram(t->log10, t->below, t->n, d.wandb_counts, d.wandb_edges);
	*ret = d;
	return 0;
}

/* In double and then rounded, also where lo == hi: what numpy < 2 does with 32-bit values. */
static void fill_edges(double lo, double hi, float edges[WANDB_BINS + 1]) {
	if (lo == hi) {
		lo -= 0.5;
		hi += 0.5;
	}
	double step = (hi - lo) / WANDB_BINS;
	for (uint32_t i = 0; i < WANDB_BINS; i++) {
		edges[i] = (float)(i * step + lo);
	}
	edges[WANDB_BINS] = (float)hi;
}

/* How many of the values, which ascend, are below the edge. */
static uint32_t values_below(const float *values, uint32_t n, float edge) {
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (values[middle] < edge) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

bool wandb_histogram(const float *values, const uint32_t *below, uint32_t n,
	uint32_t counts[WANDB_BINS], float edges[WANDB_BINS + 1]) {
	if (n == 0 || !isfinite(values[0]) || !isfinite(values[n - 1])) {
		return false;
	}
	fill_edges((double)values[0], (double)values[n - 1], edges);
	uint32_t before = 0;
	for (uint32_t bin = 0; bin < WANDB_BINS; bin++) {
		/* Bins are open on the right, the last one closed. */
		uint32_t i = bin == WANDB_BINS - 1 ? n : values_below(values, n, edges[bin + 1]);
		uint32_t through = below != NULL ? below[i] : i;
		counts[bin] = through - before;
		before = through;
	}
	return true;
}

#include "density.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "tally.h"
#include "threshold.h"

struct density_scratch {
	struct tally tally;
	float *log10; /* [log10_room]: of each distinct count, as the reference rounds it */
	uint32_t log10_room;
	/* Of the small counts, for windows of that many rows; NaN: not computed yet. Windows of
	 * one length are the rule, and a log10 costs more than all else that is done for a count. */
	float logs[TALLY_SMALL];
	uint64_t logs_rows; /* 0: none */
};

struct density_scratch *density_scratch_create(void) {
	return calloc(1, sizeof(struct density_scratch));
}

void density_scratch_destroy(struct density_scratch *s) {
	if (!s) {
		return;
	}
	tally_finish(&s->tally);
	free(s->log10);
	free(s);
}

static int reserve_log10(struct density_scratch *s) {
	if (s->tally.room <= s->log10_room) {
		return 0;
	}
	free(s->log10);
	s->log10 = calloc(s->tally.room, sizeof(*s->log10));
	s->log10_room = s->log10 != NULL ? s->tally.room : 0;
	return s->log10 != NULL ? 0 : -ENOMEM;
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
	for (uint32_t i = 0; i < TALLY_SMALL; i++) {
		s->logs[i] = NAN;
	}
	s->logs_rows = n_rows;
}

static void take_logs(struct density_scratch *s, uint64_t n_rows, struct density_summary *d) {
	const struct tally *t = &s->tally;
	uint32_t i = 0;
	double sum = 0;

	logs_renew(s, n_rows);
	for (; i < t->n && t->count[i] < TALLY_SMALL; i++) {
		float *log = &s->logs[t->count[i]];
		if (isnan(*log)) {
			*log = log10_density(t->count[i], n_rows);
		}
		s->log10[i] = *log;
		sum += (double)*log * t->features[i];
	}
	for (; i < t->n; i++) {
		s->log10[i] = log10_density(t->count[i], n_rows);
		sum += (double)s->log10[i] * t->features[i];
	}
	d->mean_log10 = n_rows == 0 ? (double)NAN : sum / d->d_sae;
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
			is_last ? d->d_sae : tally_below(t, fixed_bin_begin(bin + 1, n_rows));
		through = through < before ? before : through;
		d->fixed_counts[bin] = through - before;
		before = through;
	}
}

/* The k-th smallest density of the features that fired, and the one after it (or the same,
 * when it is the last), as log10. */
static void order_statistics(const struct tally *t, uint64_t n_rows, uint32_t k, double ret[2]) {
	uint32_t rank = k + (t->count[0] == 0 ? t->features[0] : 0); /* among all features */
	uint32_t i = tally_find(t, rank);
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
	int err = tally_take(t, counts, d_sae);

	err = err < 0 ? err : reserve_log10(scratch);
	if (err < 0) {
		return err;
	}
	take_logs(scratch, n_rows, &d);
	d.below_1e_5 = tally_below(t, threshold_limit(1e-5, n_rows));
	d.below_1e_6 = tally_below(t, threshold_limit(1e-6, n_rows));
	d.never_fired = tally_below(t, 1);
	d.above_1e_2 = d_sae - tally_below(t, n_rows / 100 + 1);
	d.above_1e_1 = d_sae - tally_below(t, n_rows / 10 + 1);
	for (uint32_t i = 0; i < n_thresholds; i++) {
		d.thresholds[i] = thresholds[i];
		d.below[i] = tally_below(t, threshold_limit(thresholds[i], n_rows));
	}
	d.n_quantile_features = d_sae - d.never_fired;
	fill_quantiles(t, n_rows, &d);
	fill_fixed_bins(t, n_rows, &d);
	d.has_wandb = n_rows > 0 && wandb_histogram(scratch->log10, t->below, t->n, d.wandb_counts,
					    d.wandb_edges);
	*ret = d;
	return 0;
}

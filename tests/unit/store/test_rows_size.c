/* What rows are said to occupy, held against what a database of them does: within a factor of FACTOR either way. */
#include "rows_size.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define FACTOR 1.25
#define COMMIT 200u /* rows each, as daemons write them */

/* With all the digits that a measured number has. */
static double measured(uint32_t i) {
	return 0.01 + fmod(i * 0.618033988749895, 1.0);
}

static long used_bytes(void) {
	return atol(sql_text(path, "SELECT (page_count - freelist_count) * page_size FROM "
				   "pragma_page_count, pragma_freelist_count, pragma_page_size"));
}

static uint64_t commit(struct run_cut *cut) {
	uint64_t bytes = rows_size(&cut->changes);
	cut_commit(cut);
	return bytes;
}

struct kind {
	void (*put)(struct run_cut *cut, uint32_t i);
	uint32_t n_rows;
};

static void a_row_is_as_large_as_is_said(void **state) {
	const struct kind *kind = *state;
	double said = 0;
	(void)commit(cut_create("r", 1));
	long before = used_bytes();
	for (uint32_t i = 0; i < kind->n_rows;) {
		struct run_cut *cut = cut_create("r", 1);
		do {
			kind->put(cut, i);
		} while (++i % COMMIT != 0);
		said += (double)commit(cut);
	}
	double is = (double)(used_bytes() - before);
	print_message("# said %.1f, is %.1f\n", said / kind->n_rows, is / kind->n_rows);
	assert_true(said < is * FACTOR);
	assert_true(is < said * FACTOR);
}

/* What a trainer gives, and what is computed of it. */
static void put_step(struct run_cut *cut, uint32_t i) {
	struct change_step *s = cut_step(cut, i);
	for (uint32_t m = 0; m < METRIC_COUNT; m++) {
		bool is_given =
			m != METRIC_AUX_RECONSTRUCTION_LOSS && !metric_of_window((enum metric)m);
		if (is_given) {
			step_measure(s, (enum metric)m, measured(i + m), true);
		}
	}
	for (int scalar = SCALAR_EV_COUNT; scalar <= SCALAR_TV_SUM; scalar++) {
		s->scalars_present |= 1u << scalar;
		s->scalars[scalar] = measured(i + (uint32_t)scalar);
	}
}

static void put_step_with_extras(struct run_cut *cut, uint32_t i) {
	static const char *const names[] = {"grad_norm", "loss_scale", "tokens_per_second"};
	static uint64_t present[] = {7};
	static double extras[3];
	put_step(cut, i);
	struct change_step *s = &container_of(cut->changes.tail, struct change, next)->step;
	for (uint32_t k = 0; k < 3; k++) {
		extras[k] = measured(i + k);
	}
	s->n_extras = 3;
	s->extra_names = names;
	s->extras_present = present;
	s->extras = changes_alloc(&cut->changes, sizeof extras);
	memcpy(s->extras, extras, sizeof extras);
}

static void put_line(struct run_cut *cut, uint32_t i) {
	static const char *const keys[] = {"losses/mse_loss", "losses/l1_loss",
		"losses/overall_loss", "metrics/explained_variance", "metrics/l0",
		"details/current_learning_rate", "sparsity/dead_features",
		"details/n_training_tokens"};
	struct change_line *line = cut_line(cut, i, i, 8);
	for (uint32_t k = 0; k < 8; k++) {
		struct value value = k < 6 ? value_float(measured(i + k)) : value_int(i * 4096);
		line->entries[k] = (struct line_entry){keys[k], LINE_METRICS, value};
	}
}

static void put_text(struct run_cut *cut, uint32_t i, size_t len) {
	char *text = changes_alloc(&cut->changes, len + 1);
	memset(text, 'x', len);
	text[len] = '\0';
	struct change_line *line = cut_line(cut, i, i, 1);
	line->entries[0] = (struct line_entry){"note", LINE_LOG, value_text(text)};
}

static void put_short_text(struct run_cut *cut, uint32_t i) {
	put_text(cut, i, 40);
}

static void put_long_text(struct run_cut *cut, uint32_t i) {
	put_text(cut, i, 6000);
}

static void put_histogram(struct run_cut *cut, uint32_t i, uint32_t n_bins) {
	double *counts = changes_alloc(&cut->changes, n_bins * sizeof *counts);
	double *edges = changes_alloc(&cut->changes, (n_bins + 1) * sizeof *edges);
	for (uint32_t k = 0; k <= n_bins; k++) {
		edges[k] = -10.0 + k * 10.0 / n_bins + measured(i) * 0.1;
	}
	for (uint32_t k = 0; k < n_bins; k++) {
		counts[k] = (double)((i * 7 + k * 131) % 900);
	}
	struct change_line *line = cut_line(cut, i, i, 1);
	line->entries[0] = (struct line_entry){"plots/feature_density_line_chart", LINE_METRICS,
		{.kind = VALUE_HISTOGRAM, .histogram = {n_bins, counts, edges}}};
}

static void put_histogram_of_16(struct run_cut *cut, uint32_t i) {
	put_histogram(cut, i, 16);
}

static void put_histogram_of_64(struct run_cut *cut, uint32_t i) {
	put_histogram(cut, i, 64);
}

static void put_histogram_of_512(struct run_cut *cut, uint32_t i) {
	put_histogram(cut, i, 512);
}

/* With a step of its own, so that it has means. */
static void put_window(struct run_cut *cut, uint32_t i) {
	put_step_with_extras(cut, i * 100);
	struct density_summary *d = &cut_window(cut, i, 0)->density;
	for (uint32_t k = 0; k < WANDB_BINS; k++) {
		d->wandb_edges[k] = (float)(-10 + k * 0.14 + measured(i) * 0.1);
		d->wandb_counts[k] = (i * 7 + k * 131) % 900;
	}
	for (uint32_t k = 0; k < FIXED_BINS; k++) {
		d->fixed_counts[k] = k < 60 ? 0 : (i * 7 + k * 131) % 300;
	}
	for (uint32_t k = 0; k < DENSITY_QUANTILES; k++) {
		d->quantiles[k] = -measured(i + k);
	}
}

static void put_event(struct run_cut *cut, uint32_t i) {
	(void)i;
	cut_event(cut, "message", "the loss has doubled since the last checkpoint");
}

static void put_attempt(struct run_cut *cut, uint32_t i) {
	cut_attempt(cut, i + 1, i);
	container_of(cut->changes.tail, struct change, next)->attempt.launch =
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
}

static void put_mark(struct run_cut *cut, uint32_t i) {
	cut_mark(cut, i, "s");
}

int main(void) {
#define N_MANY 1000u
#define N_LONG 200u
#define KIND(what, n)                                                                              \
	{                                                                                          \
#what "_is_as_large_as_is_said", a_row_is_as_large_as_is_said, rig_setup,          \
			rig_teardown, &(struct kind) {                                             \
			put_##what, n                                                              \
		}                                                                                  \
	}
	const struct CMUnitTest tests[] = {
		KIND(step, N_MANY),
		KIND(step_with_extras, N_MANY),
		KIND(line, N_MANY),
		KIND(short_text, N_MANY),
		KIND(long_text, N_LONG),
		KIND(histogram_of_16, N_MANY),
		KIND(histogram_of_64, N_LONG),
		KIND(histogram_of_512, N_LONG),
		KIND(window, N_LONG),
		KIND(event, N_MANY),
		KIND(attempt, N_MANY),
		KIND(mark, N_MANY),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("rows size", tests, NULL, NULL);
}

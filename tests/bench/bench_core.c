/* What a step and a window cost, per feature, beside a memcpy of the same counts. All of one size is
 * measured in turns, round after round, so that a slow phase of the machine slows them all:
 * read the ratios, not the microseconds. */
#include "density.h"
#include "firing.h"
#include "schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 61

enum piece {
	COPY_U32,
	FOLD_U8,
	FOLD_U16,
	FOLD_U32,
	FOLD_PAIRS,
	CLOSE,
	RESET,
	PASSES,
	TOKENS,
	TOKENS_EVEN,
	LOGS,
	PIECES
};

static const char *const names[PIECES] = {
	[COPY_U32] = "memcpy of the counts (u32)",
	[FOLD_U8] = "fold, dense u8",
	[FOLD_U16] = "fold, dense u16",
	[FOLD_U32] = "fold, dense u32",
	[FOLD_PAIRS] = "fold, pairs, 5 % fire",
	[CLOSE] = "window close: summary",
	[RESET] = "window close: base += window",
	[PASSES] = "metrics row: dead, passes",
	[TOKENS] = "metrics row: tokens, batches differ",
	[TOKENS_EVEN] = "metrics row: tokens, batches alike",
	[LOGS] = "a log10f a feature, to compare",
};

struct bench {
	uint32_t d_sae, step;
	struct firing firing;
	struct schedule schedule, even;
	struct density_scratch *scratch;
	uint32_t *window; /* a window's counts, as an SAE's are spread */
	uint32_t *counts; /* a step's */
	uint8_t *payloads[COUNTS_PAIRS32 + 1];
	uint32_t n_pairs;
	double us[PIECES][ROUNDS];
};

static double sink; /* what is computed must be wanted */

static double now_us(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double uniform(uint64_t *seed) {
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(*seed >> 11) / (double)(1ull << 53);
}

/* Densities around 10^-3.5, a tenth of the features dead, over a window of 4.1 M rows. */
static uint32_t window_count(uint64_t *seed) {
	double normal = -6;

	for (int i = 0; i < 12; i++) {
		normal += uniform(seed);
	}
	return uniform(seed) < 0.1 ? 0 : (uint32_t)(4096000 * pow(10, -3.5 + 0.7 * normal));
}

static void bench_init(struct bench *b, uint32_t d_sae) {
	uint64_t seed = d_sae;

	*b = (struct bench){.d_sae = d_sae, .step = 5000, .scratch = density_scratch_create()};
	b->window = calloc(d_sae, 4);
	b->counts = calloc(d_sae, 4);
	for (enum counts_form form = COUNTS_U8; form <= COUNTS_PAIRS32; form++) {
		b->payloads[form] = calloc(d_sae, 8);
	}
	if (firing_init(&b->firing, d_sae, UINT32_MAX) < 0 || !b->scratch) {
		abort();
	}
	uint32_t *indices = (uint32_t *)b->payloads[COUNTS_PAIRS32];
	for (uint32_t i = 0; i < d_sae; i++) {
		b->window[i] = window_count(&seed);
		b->counts[i] = uniform(&seed) < 0.3 ? 1 + (uint32_t)(uniform(&seed) * 60) : 0;
		b->payloads[COUNTS_U8][i] = (uint8_t)b->counts[i];
		((uint16_t *)b->payloads[COUNTS_U16])[i] = (uint16_t)b->counts[i];
		if (uniform(&seed) < 0.05) {
			indices[b->n_pairs++] = i;
		}
	}
	for (uint32_t i = 0; i < b->n_pairs; i++) {
		indices[b->n_pairs + i] = 1 + i % 60;
	}
	memcpy(b->payloads[COUNTS_U32], b->counts, d_sae * 4ul);
	for (uint32_t step = 0; step <= b->step; step++) {
		schedule_append(&b->schedule, step, step % 1000 == 999 ? 1000 : 4096);
		schedule_append(&b->even, step, 4096);
	}
	/* Most fired lately, some long ago. */
	for (uint32_t i = 0; i < d_sae; i++) {
		b->firing.last[i] = b->step - (uint32_t)(pow(uniform(&seed), 8) * b->step);
	}
}

static void bench_finish(struct bench *b) {
	firing_finish(&b->firing);
	density_scratch_destroy(b->scratch);
	free(b->window);
	free(b->counts);
	for (enum counts_form form = COUNTS_U8; form <= COUNTS_PAIRS32; form++) {
		free(b->payloads[form]);
	}
}

static void fold(struct bench *b, enum counts_form form) {
	struct counts counts = {.form = form, .n_entries = b->d_sae, .data = b->payloads[form]};
	struct fold_sums sums;

	counts.n_entries = form == COUNTS_PAIRS32 ? b->n_pairs : b->d_sae;
	b->step++;
	schedule_append(&b->schedule, b->step, 4096);
	schedule_append(&b->even, b->step, 4096);
	firing_fold(&b->firing, &counts, NULL, false, b->step, 5000, &sums);
	sink += (double)sums.positive;
}

static void close_window(struct bench *b) {
	static const double thresholds[] = {1e-3, 1e-4};
	struct density_summary summary;

	if (density_summarise(b->window, b->d_sae, 4096000, thresholds, 2, b->scratch, &summary) <
		0) {
		abort();
	}
	sink += summary.mean_log10;
}

static void logs(const struct bench *b) {
	float sum = 0;

	for (uint32_t i = 0; i < b->d_sae; i++) {
		sum += log10f((float)b->window[i] / 4096000.0f + 1e-10f);
	}
	sink += (double)sum;
}

static void run_piece(struct bench *b, enum piece piece) {
	switch (piece) {
	case COPY_U32:
		memcpy(b->payloads[COUNTS_U32], b->counts, b->d_sae * 4ul);
		break;
	case FOLD_U8:
	case FOLD_U16:
	case FOLD_U32:
		fold(b, COUNTS_U8 + (piece - FOLD_U8));
		break;
	case FOLD_PAIRS:
		fold(b, COUNTS_PAIRS32);
		break;
	case CLOSE:
		close_window(b);
		break;
	case RESET:
		firing_close_window(&b->firing);
		break;
	case PASSES:
		sink += (double)firing_sum_passes(&b->firing, b->step);
		sink += firing_count_dead(&b->firing, b->step, 5000);
		break;
	case TOKENS:
		sink += schedule_mean_tokens_since(&b->schedule, b->firing.last, b->d_sae, b->step);
		break;
	case TOKENS_EVEN:
		sink += schedule_mean_tokens_since(&b->even, b->firing.last, b->d_sae, b->step);
		break;
	case LOGS:
		logs(b);
		break;
	case PIECES:
		break;
	}
}

static int compare(const void *a, const void *b) {
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double median(double *values) {
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static void bench_size(uint32_t d_sae, double close_goal_ms) {
	struct bench *b = malloc(sizeof(*b));

	if (!b) {
		abort();
	}
	bench_init(b, d_sae);
	for (int round = 0; round < ROUNDS; round++) {
		for (enum piece piece = 0; piece < PIECES; piece++) {
			double begin = now_us();
			run_piece(b, piece);
			b->us[piece][round] = now_us() - begin;
		}
	}
	double copy = median(b->us[COPY_U32]);
	printf("d_sae %u (medians of %d interleaved rounds)\n", d_sae, ROUNDS);
	for (enum piece piece = 0; piece < PIECES; piece++) {
		double us = median(b->us[piece]);
		printf("  %-35s %10.1f us  %7.3f ns a feature  %6.1f x memcpy\n", names[piece], us,
			us * 1e3 / d_sae, us / copy);
	}
	double close = median(b->us[CLOSE]) + median(b->us[RESET]);
	printf("  a window closes in %.3f ms, goal %.2f ms: %.2f of a log10f a feature\n\n",
		close / 1e3, close_goal_ms, close / median(b->us[LOGS]));
	bench_finish(b);
	free(b);
}

int main(void) {
	bench_size(16384, 0.15);
	bench_size(131072, 0.35);
	bench_size(1048576, 1.5);
	return sink < 0 && sink > 0; /* never: keeps the results alive */
}

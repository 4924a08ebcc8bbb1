#include "rows.h"

#include <assert.h>
#include <stdlib.h>

/* Where a row stands among those of its step: the profile that closes a window before the step is folded
 * logs the sparsity row first. */
enum row_order {
	ROW_SPARSITY_BEFORE,
	ROW_METRICS,
	ROW_OURS,
	ROW_SPARSITY_AFTER,
	ROW_WINDOW_OURS,
};

#define HISTOGRAM_ROOM(n_bins) ((2 * (n_bins) + 1) * sizeof(double))

bool metric_is_integer(enum metric metric) {
	switch (metric) {
	case METRIC_DEAD_FEATURES:
	case METRIC_N_TRAINING_TOKENS:
	case METRIC_N_TRAINING_IMAGES:
	case METRIC_BELOW_1E_5:
	case METRIC_BELOW_1E_6:
	case METRIC_N_TOKENS_FOLDED:
	case METRIC_NEVER_FIRED:
	case METRIC_ABOVE_1E_2:
	case METRIC_ABOVE_1E_1:
	case METRIC_REVIVED_FEATURES:
	case METRIC_NEWLY_DEAD_FEATURES:
		return true;
	default:
		return false;
	}
}

static void add_value(struct run *run, struct line_part *part, enum metric metric, double value) {
	const char *key = run->keys[metric];
	if (key == NULL) {
		return;
	}
	struct line_entry *e = &part->entries[part->n_entries++];
	e->key = key;
	e->source = part->source;
	if (metric_is_integer(metric)) {
		e->value.kind = VALUE_INT;
		e->value.integer = (int64_t)value;
	} else {
		e->value.kind = VALUE_FLOAT;
		e->value.number = value;
	}
}

/* The arrays stand behind the part's entries, of which there are at most n_max: the caller fills them. */
static bool add_histogram(struct run *run, struct line_part *part, uint32_t n_max,
	enum metric metric, uint32_t n_bins, double **ret_counts, double **ret_edges) {
	const char *key = run->keys[metric];
	if (key == NULL) {
		return false;
	}
	double *counts = (double *)&part->entries[n_max];
	double *edges = counts + n_bins;
	struct line_entry *e = &part->entries[part->n_entries++];
	e->key = key;
	e->source = part->source;
	e->value.kind = VALUE_HISTOGRAM;
	e->value.histogram = (struct histogram_view){n_bins, counts, edges};
	*ret_counts = counts;
	*ret_edges = edges;
	return true;
}

static void add_part(struct run *run, uint32_t step, struct line_part *part) {
	if (part->n_entries == 0) {
		free(part);
		return;
	}
	if ((int64_t)step <= run->lines.closed_through) {
		if (line_part_emit_loose(part, step, run->attempt, &run->changes) < 0) {
			run_break(run);
		}
	} else if (lines_add(&run->lines, (struct place){run->folded.lap, step}, part) < 0) {
		run_break(run);
	}
}

static struct line_part *create_part(struct run *run, enum line_source source, enum row_order order,
	uint32_t n_max, size_t room, const struct frame_time *at) {
	struct line_part *part = line_part_create(source, order, n_max, room);
	if (part == NULL) {
		run_break(run);
		return NULL;
	}
	part->time = at->time;
	part->elapsed_s = at->elapsed_s;
	return part;
}

/* The histogram the reference logs. */
static void add_wandb_histogram(struct run *run, struct line_part *part, uint32_t n_max,
	const struct density_summary *density) {
	double *counts, *edges;
	if (!density->has_wandb ||
		!add_histogram(run, part, n_max, METRIC_LOG_FEATURE_DENSITY_HISTOGRAM, WANDB_BINS,
			&counts, &edges)) {
		return;
	}
	for (uint32_t i = 0; i < WANDB_BINS; i++) {
		counts[i] = density->wandb_counts[i];
	}
	for (uint32_t i = 0; i <= WANDB_BINS; i++) {
		edges[i] = (double)density->wandb_edges[i];
	}
}

/* Ours, whose bins never move. */
static void add_fixed_histogram(struct run *run, struct line_part *part, uint32_t n_max,
	const struct density_summary *density) {
	double *counts, *edges;
	if (!add_histogram(run, part, n_max, METRIC_LOG10_DENSITY_HISTOGRAM, FIXED_BINS, &counts,
		    &edges)) {
		return;
	}
	for (uint32_t i = 0; i < FIXED_BINS; i++) {
		counts[i] = density->fixed_counts[i];
	}
	for (uint32_t i = 0; i <= FIXED_BINS; i++) {
		edges[i] = ((double)i - FIXED_BINS) / FIXED_BINS_DECADE;
	}
}

static void add_sparsity(
	struct run *run, const struct change_window *window, const struct frame_time *at) {
	enum { N_MAX = 4 };
	const struct profile *profile = run->config.profile;
	enum row_order order = profile->close_before_fold || profile->row_behind_window
				       ? ROW_SPARSITY_BEFORE
				       : ROW_SPARSITY_AFTER;
	const struct density_summary *density = &window->density;
	struct line_part *part =
		create_part(run, LINE_SPARSITY, order, N_MAX, HISTOGRAM_ROOM(WANDB_BINS), at);
	if (part == NULL) {
		return;
	}
	add_value(run, part, METRIC_MEAN_LOG10_FEATURE_SPARSITY, density->mean_log10);
	add_wandb_histogram(run, part, N_MAX, density);
	add_value(run, part, METRIC_BELOW_1E_5, density->below_1e_5);
	add_value(run, part, METRIC_BELOW_1E_6, density->below_1e_6);
	assert(part->n_entries <= N_MAX);
	add_part(run, window->step_close, part);
}

static void add_window_ours(
	struct run *run, const struct change_window *window, const struct frame_time *at) {
	enum { N_MAX = METRIC_COUNT - METRIC_NEVER_FIRED };
	const struct density_summary *density = &window->density;
	struct line_part *part =
		create_part(run, LINE_OURS, ROW_WINDOW_OURS, N_MAX, HISTOGRAM_ROOM(FIXED_BINS), at);
	if (part == NULL) {
		return;
	}
	add_value(run, part, METRIC_NEVER_FIRED, density->never_fired);
	add_value(run, part, METRIC_ABOVE_1E_2, density->above_1e_2);
	add_value(run, part, METRIC_ABOVE_1E_1, density->above_1e_1);
	add_value(run, part, METRIC_REVIVED_FEATURES, window->revived);
	add_value(run, part, METRIC_NEWLY_DEAD_FEATURES, window->newly_dead);
	for (uint32_t i = 0; i < DENSITY_QUANTILES; i++) {
		add_value(run, part, (enum metric)(METRIC_LOG10_DENSITY_P10 + i),
			density->quantiles[i]);
	}
	add_fixed_histogram(run, part, N_MAX, density);
	assert(part->n_entries <= N_MAX);
	add_part(run, window->step_close, part);
}

void rows_add_window(
	struct run *run, const struct change_window *window, const struct frame_time *at) {
	add_sparsity(run, window, at);
	add_window_ours(run, window, at);
}

static void add_metrics(struct run *run, uint32_t step, bool ours, const struct measures *measures,
	const struct frame_time *at) {
	struct line_part *part = create_part(run, ours ? LINE_OURS : LINE_METRICS,
		ours ? ROW_OURS : ROW_METRICS, METRIC_COUNT, 0, at);
	if (part == NULL) {
		return;
	}
	bool no_aux = run->config.profile->gated_only_aux &&
		      run->config.architecture != ARCHITECTURE_GATED;
	for (uint64_t bits = measures->present; bits != 0; bits &= bits - 1) {
		enum metric metric = (enum metric)__builtin_ctzll(bits);
		bool is_left_out = metric == METRIC_AUX_RECONSTRUCTION_LOSS && no_aux;
		if (metric_is_ours(metric) == ours && !is_left_out) {
			add_value(run, part, metric, measures->value[metric]);
		}
	}
	add_part(run, step, part);
}

void rows_add_metrics(struct run *run, uint32_t step, const struct measures *measures,
	const struct frame_time *at) {
	add_metrics(run, step, false, measures, at);
	add_metrics(run, step, true, measures, at);
}

/* The runs under tests/golden/oracle through the core's parts, without streams or assembly:
 * ranks are merged, counts folded, windows summarised and rows computed by the few lines below,
 * and every number must be the reference's. */
#include "density.h"
#include "firing.h"
#include "measure.h"
#include "profile.h"
#include "schedule.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "near.h"

#define TOLERANCE 2e-6

struct replay {
	const char *file;
	json_t *data;
	const struct profile *profile;
	enum architecture architecture;
	struct text suffix;
	uint32_t d_sae, window, frequency, dead_window;
	uint64_t batch, context;
	struct firing firing;
	struct schedule schedule;
	struct density_scratch *scratch;
	uint64_t window_rows, rows_folded;
	uint32_t window_first, n_windows, dead_before, revived;
	size_t rows_checked, ours_checked, values_checked;
};

static json_t *open_field(const struct replay *r, const char *key) {
	return json_object_get(json_object_get(r->data, "open"), key);
}

static uint32_t open_uint(const struct replay *r, const char *key) {
	return (uint32_t)json_integer_value(open_field(r, key));
}

static struct text open_text(const struct replay *r, const char *key) {
	const char *text = json_string_value(open_field(r, key));

	return text ? text_of(text, strlen(text)) : (struct text){0};
}

static double number(const json_t *value) {
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		return strcmp(text, "nan") == 0   ? (double)NAN
		       : strcmp(text, "inf") == 0 ? (double)INFINITY
						  : -(double)INFINITY;
	}
	return json_number_value(value);
}

/* The vector in its wire form; `room` holds it. */
static struct counts read_counts(const json_t *vector, uint32_t d_sae, uint8_t *room) {
	static const uint8_t widths[] = {0, 1, 2, 4, 2, 4};
	struct counts c = {.data = room, .n_entries = d_sae};
	const json_t *indices = json_object_get(vector, "indices");
	const json_t *counts = json_object_get(vector, "counts");
	uint8_t *out = room;
	size_t i;
	json_t *item;

	if (!json_is_object(vector)) {
		return (struct counts){0};
	}
	c.form = (enum counts_form)json_integer_value(json_object_get(vector, "form"));
	json_array_foreach(indices, i, item) {
		uint32_t index = (uint32_t)json_integer_value(item);
		memcpy(out, &index, 4);
		out += 4;
		c.n_entries = (uint32_t)json_array_size(indices);
	}
	if (indices && json_array_size(indices) == 0) {
		c.n_entries = 0;
	}
	json_array_foreach(counts, i, item) {
		uint32_t count = (uint32_t)json_integer_value(item);
		memcpy(out, &count, widths[c.form]);
		out += widths[c.form];
	}
	c.len = (size_t)(out - room);
	return c;
}

static void read_scalars(const struct replay *r, const json_t *rank, struct scalars *ret) {
	const json_t *names = open_field(r, "scalars");
	size_t i;
	json_t *value;

	*ret = (struct scalars){
		.n_rows = (uint64_t)json_integer_value(json_object_get(rank, "n_rows"))};
	json_array_foreach(json_object_get(rank, "scalars"), i, value) {
		const char *name = json_string_value(json_array_get(names, i));
		int scalar = scalar_find(text_of(name, strlen(name)));
		if (scalar >= 0 && !json_is_null(value)) {
			ret->present |= 1u << scalar;
			ret->value[scalar] = number(value);
		}
	}
}

/* All ranks of a step, merged; the sums of counts are the caller's. */
static void merge_ranks(const struct replay *r, const json_t *step, struct scalars *scalars,
	uint32_t *nonzero, uint32_t *positive) {
	uint8_t *room = malloc((size_t)r->d_sae * 8 + 1);
	size_t i;
	json_t *rank;

	json_array_foreach(json_object_get(step, "ranks"), i, rank) {
		struct scalars own;
		read_scalars(r, rank, &own);
		if (i == 0) {
			*scalars = own;
		} else {
			scalars_merge(scalars, &own);
		}
		struct counts c = read_counts(json_object_get(rank, "nonzero"), r->d_sae, room);
		counts_add(nonzero, r->d_sae, &c);
		if (json_is_object(json_object_get(rank, "positive"))) {
			c = read_counts(json_object_get(rank, "positive"), r->d_sae, room);
		}
		counts_add(positive, r->d_sae, &c);
	}
	free(room);
}

static const json_t *expected_value(
	const struct replay *r, const json_t *values, enum metric metric) {
	char key[256];

	if (!r->profile->keys[metric]) {
		return NULL;
	}
	(void)snprintf(key, sizeof(key), "%s%.*s", r->profile->keys[metric],
		metric_suffixed(metric) ? (int)r->suffix.len : 0,
		r->suffix.data ? r->suffix.data : "");
	return json_object_get(values, key);
}

static void check_value(
	struct replay *r, uint32_t step, const json_t *values, enum metric metric, double got) {
	const json_t *want = expected_value(r, values, metric);

	if (!want) {
		fail_msg("%s: step %u: %s is not in the row", r->file, step, metric_name(metric));
	}
	if (json_is_integer(want) ? got != (double)json_integer_value(want)
				  : !near(got, number(want), TOLERANCE)) {
		fail_msg("%s: step %u: %s is %.17g, not %.17g", r->file, step, metric_name(metric),
			got, number(want));
	}
	r->values_checked++;
}

static const json_t *next_row(struct replay *r, const char *list, size_t *at, uint32_t step) {
	const json_t *row = json_array_get(json_object_get(r->data, list), (*at)++);

	if (!row || json_integer_value(json_object_get(row, "step")) != step) {
		fail_msg("%s: step %u: no row was due in %s", r->file, step, list);
	}
	return json_object_get(row, "values");
}

static void check_histogram(struct replay *r, const json_t *want, const struct density_summary *d) {
	const json_t *counts = json_object_get(want, "counts");
	const json_t *edges = json_object_get(want, "edges");

	assert_int_equal(d->has_wandb, json_is_object(want));
	for (size_t i = 0; d->has_wandb && i <= WANDB_BINS; i++) {
		if (i < WANDB_BINS) {
			assert_int_equal(
				d->wandb_counts[i], json_integer_value(json_array_get(counts, i)));
		}
		assert_true(
			(double)d->wandb_edges[i] == json_number_value(json_array_get(edges, i)));
	}
	r->values_checked++;
}

static uint32_t window_uint(const json_t *window, const char *key) {
	return (uint32_t)json_integer_value(json_object_get(window, key));
}

/* What our own view of the window says. */
static void check_window(struct replay *r, const struct density_summary *d, uint32_t step_last,
	uint32_t close, bool partial) {
	const json_t *w = json_array_get(json_object_get(r->data, "windows"), r->n_windows++);
	uint32_t dead = firing_count_dead(&r->firing, step_last, r->dead_window);

	assert_non_null(w);
	assert_int_equal(window_uint(w, "step_first"), r->window_first);
	assert_int_equal(window_uint(w, "step_last"), step_last);
	assert_int_equal(window_uint(w, "step_close"), close);
	assert_int_equal(json_is_true(json_object_get(w, "partial")), partial);
	assert_int_equal(window_uint(w, "n_rows"), d->n_rows);
	assert_near(d->mean_log10, number(json_object_get(w, "mean_log10")), TOLERANCE);
	assert_int_equal(window_uint(w, "below_1e-5"), d->below_1e_5);
	assert_int_equal(window_uint(w, "below_1e-6"), d->below_1e_6);
	assert_int_equal(window_uint(w, "never_fired"), d->never_fired);
	assert_int_equal(window_uint(w, "above_1e-2"), d->above_1e_2);
	assert_int_equal(window_uint(w, "above_1e-1"), d->above_1e_1);
	assert_int_equal(window_uint(w, "dead_features"), dead);
	assert_int_equal(window_uint(w, "revived"), r->revived);
	assert_int_equal(window_uint(w, "newly_dead"), dead - r->dead_before + r->revived);
	for (uint32_t i = 0; i < d->n_thresholds; i++) {
		const json_t *below = json_object_get(w, "below");
		assert_int_equal(json_integer_value(json_array_get(below, i)), d->below[i]);
	}
	for (uint32_t q = 0; q < DENSITY_QUANTILES; q++) {
		const json_t *quantiles = json_object_get(w, "quantiles");
		assert_near(d->quantiles[q], number(json_array_get(quantiles, q)), 1e-12);
	}
	for (uint32_t bin = 0; bin < FIXED_BINS; bin++) {
		char key[12];
		(void)snprintf(key, sizeof(key), "%u", bin);
		assert_int_equal(
			window_uint(json_object_get(w, "fixed"), key), d->fixed_counts[bin]);
	}
	r->dead_before = dead;
	r->revived = 0;
}

static void close_window(struct replay *r, uint32_t step_last, uint32_t close, bool partial) {
	double thresholds[THRESHOLDS_MAX];
	const json_t *wanted = open_field(r, "thresholds");
	size_t n = json_array_size(wanted);
	struct density_summary d;

	for (size_t i = 0; i < n; i++) {
		thresholds[i] = json_number_value(json_array_get(wanted, i));
	}
	assert_int_equal(density_summarise(r->firing.window, r->d_sae, r->window_rows, thresholds,
				 (uint32_t)n, r->scratch, &d),
		0);
	check_window(r, &d, step_last, close, partial);
	if (!partial) {
		const json_t *row = next_row(r, "rows", &r->rows_checked, close);
		check_value(r, close, row, METRIC_MEAN_LOG10_FEATURE_SPARSITY, d.mean_log10);
		check_value(r, close, row, METRIC_BELOW_1E_5, d.below_1e_5);
		check_value(r, close, row, METRIC_BELOW_1E_6, d.below_1e_6);
		if (r->profile->keys[METRIC_LOG_FEATURE_DENSITY_HISTOGRAM]) {
			check_histogram(r,
				expected_value(r, row, METRIC_LOG_FEATURE_DENSITY_HISTOGRAM), &d);
		}
	}
	firing_close_window(&r->firing);
	r->window_rows = 0;
	r->window_first = step_last + 1;
}

static void check_metrics_row(
	struct replay *r, uint32_t step, const struct measures *m, uint32_t dead_before) {
	const struct profile *p = r->profile;
	const json_t *row = next_row(r, "rows", &r->rows_checked, step);
	uint64_t tokens = p->tokens_configured
				  ? (step + (p->tokens_before_step ? 0u : 1u)) * r->batch
				  : r->rows_folded;
	size_t before = r->values_checked;

	for (enum metric i = 0; i < METRIC_FVU; i++) {
		if ((m->present >> i & 1) != 0 && p->keys[i]) {
			check_value(r, step, row, i, m->value[i]);
		}
	}
	check_value(r, step, row, METRIC_MEAN_PASSES_SINCE_FIRED,
		(double)firing_sum_passes(&r->firing, step) / r->d_sae);
	check_value(r, step, row, METRIC_DEAD_FEATURES,
		p->dead_before_fold ? dead_before
				    : firing_count_dead(&r->firing, step, r->dead_window));
	check_value(r, step, row, METRIC_N_TRAINING_TOKENS, (double)tokens);
	if (p->keys[METRIC_N_TRAINING_IMAGES]) {
		uint64_t images = tokens / r->context;
		check_value(r, step, row, METRIC_N_TRAINING_IMAGES, (double)images);
	}
	/* … and nothing of the reference's row is left out. */
	assert_int_equal(r->values_checked - before, json_object_size(row));
}

static void check_our_row(struct replay *r, uint32_t step, const struct measures *m) {
	const json_t *row = next_row(r, "ours", &r->ours_checked, step);

	if ((m->present >> METRIC_FVU & 1) != 0) {
		check_value(r, step, row, METRIC_FVU, m->value[METRIC_FVU]);
	}
	check_value(r, step, row, METRIC_MEAN_TOKENS_SINCE_FIRED,
		schedule_mean_tokens_since(&r->schedule, r->firing.last, r->d_sae, step));
	if (r->profile->keys[METRIC_N_TOKENS_FOLDED]) {
		check_value(r, step, row, METRIC_N_TOKENS_FOLDED, (double)r->rows_folded);
	}
}

static void replay_step(struct replay *r, const json_t *json, bool stops) {
	const struct profile *p = r->profile;
	uint32_t step = (uint32_t)json_integer_value(json_object_get(json, "step"));
	bool closes = (step + 1) % r->window == 0;
	bool logs = (step + 1) % r->frequency == 0;
	uint32_t *nonzero = calloc(r->d_sae, 4), *positive = calloc(r->d_sae, 4);
	struct scalars scalars = {0};
	struct fold_sums sums;
	struct measures m;

	merge_ranks(r, json, &scalars, nonzero, positive);
	if (closes && p->close_before_fold) {
		close_window(r, step - 1, step, false);
	}
	uint32_t dead_before = firing_count_dead(&r->firing, step - 1, r->dead_window);
	struct counts all = {COUNTS_U32, r->d_sae, (const uint8_t *)nonzero, r->d_sae * 4ul};
	struct counts above = {COUNTS_U32, r->d_sae, (const uint8_t *)positive, r->d_sae * 4ul};
	firing_fold(&r->firing, &all, &above, p->fires_nonzero, step, r->dead_window, &sums);
	r->revived += sums.revived;
	r->rows_folded += scalars.n_rows;
	r->window_rows += p->window_rows_configured ? r->batch : scalars.n_rows;
	schedule_append(&r->schedule, step, scalars.n_rows);
	measure(p, r->architecture, &scalars, &sums, &m);
	assert_int_equal(measures_disagree(p, &scalars, &sums), 0);
	assert_int_equal(scalars.disagree, 0);
	if (logs && !stops) {
		check_metrics_row(r, step, &m, dead_before);
	}
	if (logs) {
		check_our_row(r, step, &m);
	}
	if (closes && !p->close_before_fold) {
		close_window(r, step, step, false);
	}
	free(nonzero);
	free(positive);
}

static void replay_file(const char *path) {
	json_error_t error;
	struct replay r = {.file = path, .data = json_load_file(path, 0, &error)};
	size_t i;
	json_t *step;

	if (!r.data) {
		fail_msg("%s:%d: %s", path, error.line, error.text);
	}
	const json_t *steps = json_object_get(r.data, "steps");
	bool stops = json_is_integer(json_object_get(r.data, "stopped_at"));
	r.profile = profile_find(open_text(&r, "profile"));
	r.architecture = architecture_find(open_text(&r, "architecture"));
	r.suffix = open_text(&r, "key_suffix");
	r.d_sae = open_uint(&r, "d_sae");
	r.window = open_uint(&r, "feature_sampling_window");
	r.frequency = open_uint(&r, "wandb_log_frequency");
	r.dead_window = open_uint(&r, "dead_feature_window");
	r.batch = open_uint(&r, "train_batch_size");
	r.context = open_uint(&r, "context_size");
	r.scratch = density_scratch_create();
	assert_int_equal(firing_init(&r.firing, r.d_sae, UINT32_MAX), 0);
	json_array_foreach(steps, i, step) {
		replay_step(&r, step, stops && i + 1 == json_array_size(steps));
	}
	if (r.window_first < i) {
		close_window(&r, (uint32_t)i - 1, (uint32_t)i - 1, true);
	}
	assert_int_equal(r.rows_checked, json_array_size(json_object_get(r.data, "rows")));
	assert_int_equal(r.ours_checked, json_array_size(json_object_get(r.data, "ours")));
	assert_int_equal(r.n_windows, json_array_size(json_object_get(r.data, "windows")));
	firing_finish(&r.firing);
	density_scratch_destroy(r.scratch);
	json_decref(r.data);
}

static void every_golden_run_gives_the_references_rows(void **state) {
	(void)state;
	struct dirent **entries;
	int n = scandir(ORACLE_DIR, &entries, NULL, alphasort);
	int files = 0;

	for (int i = 0; i < n; i++) {
		char path[4096];
		if (strstr(entries[i]->d_name, ".json")) {
			(void)snprintf(path, sizeof(path), "%s/%s", ORACLE_DIR, entries[i]->d_name);
			replay_file(path);
			files++;
		}
		free(entries[i]);
	}
	free(entries);
	assert_true(files >= 50);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_golden_run_gives_the_references_rows),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The runs under tests/golden/oracle, message by message through the whole core: the lines, the windows
 * and the word to stop must be those of the reference, with one rank and with three, whatever the
 * order in which the ranks' messages come. */
#include "rig.h"

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
	struct rig rig;
	struct stream *streams[RANKS_MAX];
	uint64_t seqs[RANKS_MAX];
	uint32_t d_sae, world_size;
	uint64_t random;
	size_t values, windows, lines;
};

static uint32_t draw(struct replay *r, uint32_t below) {
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((r->random >> 33) % below);
}

static json_t *field(const struct replay *r, const char *key) {
	return json_object_get(json_object_get(r->data, "open"), key);
}

static uint32_t uint_field(const struct replay *r, const char *key) {
	return (uint32_t)json_integer_value(field(r, key));
}

static struct text text_field(const struct replay *r, const char *key) {
	const char *text = json_string_value(field(r, key));
	return text != NULL ? text_of(text, strlen(text)) : (struct text){0};
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

/* ---- in ---- */

static struct msg_open open_of(const struct replay *r, uint32_t rank) {
	struct msg_open open = rig_msg_open(r->d_sae);
	size_t i;
	json_t *item;

	rig_stream_id(&open, (uint8_t)(rank + 1));
	open.rank = rank;
	open.world_size = r->world_size;
	open.profile = text_field(r, "profile");
	open.architecture = text_field(r, "architecture");
	open.key_suffix = text_field(r, "key_suffix");
	open.d_in = uint_field(r, "d_in");
	open.wandb_log_frequency = uint_field(r, "wandb_log_frequency");
	open.feature_sampling_window = uint_field(r, "feature_sampling_window");
	open.dead_feature_window = uint_field(r, "dead_feature_window");
	open.train_batch_size = uint_field(r, "train_batch_size");
	open.context_size = uint_field(r, "context_size");
	open.has_min_l0 = field(r, "min_l0") != NULL;
	open.min_l0 = json_number_value(field(r, "min_l0"));
	open.has_min_explained_variance = field(r, "min_explained_variance") != NULL;
	open.min_explained_variance = json_number_value(field(r, "min_explained_variance"));
	json_array_foreach(field(r, "thresholds"), i, item) {
		open.thresholds[open.n_thresholds++] = json_number_value(item);
	}
	json_array_foreach(field(r, "scalars"), i, item) {
		const char *name = json_string_value(item);
		open.scalars[open.n_scalars++] = text_of(name, strlen(name));
	}
	return open;
}

static struct counts counts_of(const json_t *vector, uint32_t d_sae, uint8_t *room) {
	static const uint8_t widths[] = {0, 1, 2, 4, 2, 4};
	const json_t *indices = json_object_get(vector, "indices");
	struct counts c = {.data = room, .n_entries = d_sae};
	uint8_t *out = room;
	size_t i;
	json_t *item;

	if (!json_is_object(vector)) {
		return (struct counts){0};
	}
	c.form = (enum counts_form)json_integer_value(json_object_get(vector, "form"));
	if (indices != NULL) {
		c.n_entries = (uint32_t)json_array_size(indices);
	}
	json_array_foreach(indices, i, item) {
		uint32_t index = (uint32_t)json_integer_value(item);
		memcpy(out, &index, 4);
		out += 4;
	}
	json_array_foreach(json_object_get(vector, "counts"), i, item) {
		uint32_t count = (uint32_t)json_integer_value(item);
		memcpy(out, &count, widths[c.form]);
		out += widths[c.form];
	}
	c.len = (size_t)(out - room);
	return c;
}

static enum apply_result push(struct replay *r, const json_t *steps, size_t n, uint32_t rank) {
	const json_t *step = json_array_get(steps, n);
	const json_t *part = json_array_get(json_object_get(step, "ranks"), rank);
	uint8_t *room = malloc((size_t)r->d_sae * 16 + 16);
	struct message m = rig_msg_step(r->seqs[rank] + 1,
		(uint32_t)json_integer_value(json_object_get(step, "step")),
		(uint32_t)json_integer_value(json_object_get(part, "n_rows")), NULL, 0);
	size_t i;
	json_t *value;

	m.step.nonzero = counts_of(json_object_get(part, "nonzero"), r->d_sae, room);
	m.step.positive = counts_of(
		json_object_get(part, "positive"), r->d_sae, room + (size_t)r->d_sae * 8 + 8);
	json_array_foreach(json_object_get(part, "scalars"), i, value) {
		if (json_is_null(value)) {
			rig_skip_scalar(&m);
		} else {
			rig_add_scalar(&m, number(value));
		}
	}
	enum apply_result result = rig_apply(&r->rig, r->streams[rank], &m);
	if (result == APPLY_TAKEN) {
		r->seqs[rank]++;
	} else if (result != APPLY_LATER) {
		fail_msg("%s: step %zu of rank %u: %d %s", r->file, n, rank, result,
			r->rig.error.words);
	}
	free(room);
	return result;
}

/* Whichever rank is drawn pushes its next step; those too far ahead are told to wait. */
static void push_all(struct replay *r) {
	const json_t *steps = json_object_get(r->data, "steps");
	size_t n_steps = json_array_size(steps), left = n_steps * r->world_size;

	while (left > 0) {
		uint32_t rank = draw(r, r->world_size);
		size_t n = r->seqs[rank];
		if (n < n_steps && push(r, steps, n, rank) == APPLY_TAKEN) {
			left--;
		}
		if (draw(r, 7) == 0) {
			rig_commit(&r->rig);
		}
	}
	rig_notices(&r->rig);
	for (uint32_t rank = 0; rank < r->world_size; rank++) {
		struct message m = rig_msg_finish(r->seqs[rank] + 1, 0);
		assert_int_equal(rig_apply(&r->rig, r->streams[rank], &m), APPLY_TAKEN);
	}
	rig_commit(&r->rig);
}

/* ---- out ---- */

static const char *line_at(const struct replay *r, uint32_t step) {
	char begin[64];
	(void)snprintf(begin, sizeof begin, "line attempt=1 step=%u ", step);
	return rig_find(&r->rig, begin, 0);
}

static void check_histogram(struct replay *r, const char *have, const json_t *want) {
	const json_t *counts = json_object_get(want, "counts"),
		     *edges = json_object_get(want, "edges");
	char text[1024] = "", *out = text;
	size_t i;
	json_t *item;

	json_array_foreach(counts, i, item) {
		out += sprintf(out, "%lld,", (long long)json_integer_value(item));
	}
	(void)sprintf(out, "from,%a,to,%a", json_number_value(json_array_get(edges, 0)),
		json_number_value(json_array_get(edges, json_array_size(edges) - 1)));
	if (strncmp(have, text, strlen(text)) != 0) {
		fail_msg("%s: histogram\n%.300s\n%s", r->file, have, text);
	}
}

static void check_value(struct replay *r, uint32_t step, const char *line, int source,
	const char *key, const json_t *want) {
	char named[KEY_MAX_BYTES];
	(void)snprintf(named, sizeof named, " %d:%s=", source, key);
	const char *at = line != NULL ? strstr(line, named) : NULL;
	if (at == NULL) {
		fail_msg("%s: step %u has no %s", r->file, step, key);
		return;
	}
	at += strlen(named);
	r->values++;
	if (json_is_object(want)) {
		check_histogram(r, at, want);
	} else if (json_is_integer(want)) {
		char *end;
		long long have = strtoll(at, &end, 10);
		if (have != json_integer_value(want) || (*end != ' ' && *end != '\0')) {
			fail_msg("%s: step %u: %s is %.20s", r->file, step, key, at);
		}
	} else if (!near(strtod(at, NULL), number(want), TOLERANCE)) {
		fail_msg("%s: step %u: %s is %.17g, not %.17g", r->file, step, key,
			strtod(at, NULL), number(want));
	}
}

/* How many values of a source the line has. */
static size_t count_source(const char *line, int source) {
	char mark[8];
	size_t n = 0;
	(void)snprintf(mark, sizeof mark, " %d:", source);
	for (const char *p = line; p != NULL && (p = strstr(p, mark)) != NULL; p++) {
		n++;
	}
	return n;
}

static void check_rows(struct replay *r) {
	size_t i, wanted = 0;
	json_t *row;

	json_array_foreach(json_object_get(r->data, "rows"), i, row) {
		uint32_t step = (uint32_t)json_integer_value(json_object_get(row, "step"));
		const char *kind = json_string_value(json_object_get(row, "kind"));
		int source = strcmp(kind, "sparsity") == 0 ? LINE_SPARSITY : LINE_METRICS;
		const json_t *values = json_object_get(row, "values");
		const char *line = line_at(r, step), *key;
		json_t *value;

		json_object_foreach((json_t *)values, key, value) {
			check_value(r, step, line, source, key, value);
		}
		if (count_source(line, source) != json_object_size(values)) {
			fail_msg("%s: step %u has other keys: %s", r->file, step, line);
		}
		wanted += json_object_size(values);
	}
	json_array_foreach(json_object_get(r->data, "ours"), i, row) {
		uint32_t step = (uint32_t)json_integer_value(json_object_get(row, "step"));
		const char *key;
		json_t *value;
		if (json_equal(
			    json_object_get(row, "step"), json_object_get(r->data, "stopped_at"))) {
			continue; /* a run that is stopped there logs nothing there, ours included */
		}
		json_object_foreach(json_object_get(row, "values"), key, value) {
			check_value(r, step, line_at(r, step), LINE_OURS, key, value);
		}
	}
	/* Nothing besides. */
	size_t have = 0;
	for (size_t n = 0; n < rig_count(&r->rig, "line "); n++) {
		const char *line = rig_find(&r->rig, "line ", n);
		have += count_source(line, LINE_SPARSITY) + count_source(line, LINE_METRICS);
		assert_int_equal((int)rig_number(line, "ordinal"), n);
	}
	if (have != wanted) {
		fail_msg("%s: %zu values, not %zu", r->file, have, wanted);
	}
	r->lines += rig_count(&r->rig, "line ");
}

static void check_window(struct replay *r, const char *have, const json_t *want) {
	static const char *const same[][2] = {
		{"step_first", "first"},
		{"step_last", "last"},
		{"step_close", "close"},
		{"n_steps", "n_steps"},
		{"n_rows", "n_rows"},
		{"below_1e-5", "below5"},
		{"below_1e-6", "below6"},
		{"never_fired", "never"},
		{"dead_features", "dead"},
		{"revived", "revived"},
		{"newly_dead", "newly_dead"},
	};
	bool is_partial = json_is_true(json_object_get(want, "partial"));
	size_t i;
	json_t *item;

	for (i = 0; i < sizeof same / sizeof same[0]; i++) {
		double value = json_number_value(json_object_get(want, same[i][0]));
		if (rig_number(have, same[i][1]) != value) {
			fail_msg("%s: %s of %s is not %g", r->file, same[i][1], have, value);
		}
	}
	assert_near(rig_number(have, "mean_log10"), number(json_object_get(want, "mean_log10")),
		TOLERANCE);
	assert_int_equal((int)rig_number(have, "flaws"), is_partial ? FLAW_PARTIAL : 0);
	json_array_foreach(json_object_get(want, "below"), i, item) {
		char key[32];
		(void)snprintf(key, sizeof key, "below[%zu]", i);
		assert_int_equal((int)rig_number(have, key), json_integer_value(item));
	}
}

static void check_windows(struct replay *r) {
	const json_t *windows = json_object_get(r->data, "windows");
	size_t i;
	json_t *window;

	if (rig_count(&r->rig, "window ") != json_array_size(windows)) {
		rig_dump(&r->rig);
		fail_msg("%s: %zu windows, not %zu", r->file, rig_count(&r->rig, "window "),
			json_array_size(windows));
	}
	json_array_foreach(windows, i, window) {
		const char *have = rig_find(&r->rig, "window ", i);
		assert_int_equal((int)rig_number(have, "window"),
			json_integer_value(json_object_get(window, "window")));
		check_window(r, have, window);
		r->windows++;
	}
}

static void check_stop(struct replay *r) {
	const json_t *stopped_at = json_object_get(r->data, "stopped_at");
	char begin[64];

	if (json_is_null(stopped_at)) {
		assert_int_equal(r->rig.n_stops, 0);
		assert_string_equal(r->rig.row.state, "finished");
		return;
	}
	(void)snprintf(begin, sizeof begin, "event attempt=1 step=%d ",
		(int)json_integer_value(stopped_at));
	assert_true(r->rig.n_stops == r->world_size);
	assert_non_null(rig_find(&r->rig, begin, 0));
	assert_string_equal(r->rig.row.state, "stopped");
}

/* ---- a file ---- */

static size_t count_alerts(struct replay *r, const char *kind) {
	size_t n = 0, count = rig_count(&r->rig, "alert ");
	char have[128];

	for (size_t i = 0; i < count; i++) {
		const char *value = rig_value(rig_find(&r->rig, "alert ", i), "kind", have);
		n += value != NULL && strcmp(value, kind) == 0;
	}
	return n;
}

/* With what is preset in [alerts] there is no alert but what the reference's own figures say: it ended the run, or more than half of
 * the features are dead, which is so in some of these. */
static void check_alerts(struct replay *r) {
	bool has_many_dead = false;
	size_t n = rig_count(&r->rig, "alert "), n_windows = rig_count(&r->rig, "window ");

	for (size_t i = 0; i < n_windows; i++) {
		double dead = rig_number(rig_find(&r->rig, "window ", i), "dead");
		has_many_dead |= 2 * dead > r->d_sae;
	}
	bool is_stopped = !json_is_null(json_object_get(r->data, "stopped_at"));
	assert_int_equal(count_alerts(r, "bad_run"), is_stopped);
	size_t n_dead = count_alerts(r, "dead");
	assert_true(n_dead == 0 || has_many_dead);
	assert_int_equal(n, n_dead + is_stopped);
}

static void replay_file(struct replay *r, const char *path, uint64_t seed) {
	json_error_t error;
	size_t values = r->values, windows = r->windows, lines = r->lines;

	*r = (struct replay){.file = strrchr(path, '/') + 1, .random = seed};
	r->values = values;
	r->windows = windows;
	r->lines = lines;
	r->data = json_load_file(path, 0, &error);
	if (r->data == NULL) {
		fail_msg("%s: %s", path, error.text);
	}
	r->d_sae = uint_field(r, "d_sae");
	r->world_size = uint_field(r, "world_size");
	rig_start(&r->rig);
	registry_set_alerts(
		r->rig.registry, &(struct alert_rules){.dead_share = 0.5, .throughput_share = 0.5});
	for (uint32_t rank = 0; rank < r->world_size; rank++) {
		struct msg_open open = open_of(r, rank);
		r->streams[rank] = rig_must_open(&r->rig, &open);
	}
	push_all(r);
	check_rows(r);
	check_windows(r);
	check_stop(r);
	check_alerts(r);
	assert_int_equal(r->rig.n_errors, 0);
	rig_finish(&r->rig);
	json_decref(r->data);
}

static int is_json(const struct dirent *entry) {
	const char *dot = strrchr(entry->d_name, '.');
	return dot != NULL && strcmp(dot, ".json") == 0;
}

static void every_golden_run_is_what_the_reference_logs(void **state) {
	struct dirent **files;
	int n = scandir(ORACLE_DIR, &files, is_json, alphasort);
	struct replay *r = calloc(1, sizeof *r);
	(void)state;

	assert_true(n >= 50);
	for (int i = 0; i < n; i++) {
		char path[1024];
		(void)snprintf(path, sizeof path, "%s/%s", ORACLE_DIR, files[i]->d_name);
		for (uint64_t seed = 1; seed <= (strstr(path, "ranks") != NULL ? 5 : 1); seed++) {
			replay_file(r, path, seed);
		}
		free(files[i]);
	}
	free(files);
	print_message("# %d runs: %zu values in %zu lines, %zu windows\n", n, r->values, r->lines,
		r->windows);
	free(r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_golden_run_is_what_the_reference_logs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "commit.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault.h"
#include "reader.h"
#include "rig.h"

static struct reader reader;

static int setup(void **state) {
	fault_writes(0);
	(void)rig_setup(state);
	return reader_open(&reader, path, &slots);
}

static int teardown(void **state) {
	reader_close(&reader);
	return rig_teardown(state);
}

/* Commits cuts (NULL ends) and destroys them. */
static int commit_all(struct run_cut *const *cuts) {
	struct batch batch;
	batch_init(&batch);
	for (; *cuts != NULL; cuts++) {
		batch_put(&batch, *cuts);
	}
	int err = commit_batch(&committer, &batch);
	batch_clear(&batch);
	return err;
}

#define commit(...) commit_all((struct run_cut *[]){__VA_ARGS__})

static const char *ask(const char *sql) {
	return sql_text(path, sql);
}

static void a_step_is_a_row_with_a_column_a_metric(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	struct change_step *s = cut_step(cut, 7);
	step_measure(s, METRIC_MSE_LOSS, 0.1, false);
	step_measure(s, METRIC_L0, 58.25, true);
	step_measure(s, METRIC_DEAD_FEATURES, 312, true);
	step_measure(s, METRIC_N_TRAINING_TOKENS, 28672, true);
	s->scalars_present = 1u << SCALAR_L2_SUM;
	s->scalars[SCALAR_L2_SUM] = 12.5;
	static const char *const names[] = {"grad \"norm\"", "absent", "lr/2"};
	uint64_t present = 5;
	double extras[] = {0.1, 9, INFINITY};
	s->n_extras = 3;
	s->extra_names = names;
	s->extras_present = &present;
	s->extras = extras;
	assert_int_equal(commit(cut, NULL), 0);

	assert_string_equal(ask("SELECT run || step || attempt FROM steps"), "run171");
	assert_string_equal(ask("SELECT mse_loss = 0.1 FROM steps"), "1");
	assert_string_equal(
		ask("SELECT typeof(dead_features) || dead_features FROM steps"), "integer312");
	assert_string_equal(ask("SELECT n_training_tokens FROM steps"), "28672");
	assert_string_equal(ask("SELECT l1_loss FROM steps"), "NULL");
	assert_string_equal(ask("SELECT l2_sum FROM steps"), "12.5");
	assert_string_equal(ask("SELECT computed FROM steps"),
		"[\"l0\",\"dead_features\",\"n_training_tokens\"]");
	assert_string_equal(ask("SELECT extra FROM steps"),
		"{\"grad \\\"norm\\\"\": 0.1, \"lr/2\": \"Infinity\"}");
	assert_string_equal(ask("SELECT non_finite FROM steps"), "NULL");
}

static void a_step_says_which_values_were_not_finite(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	struct change_step *s = cut_step(cut, 0);
	step_measure(s, METRIC_MSE_LOSS, NAN, false);
	step_measure(s, METRIC_L1_LOSS, -INFINITY, false);
	s->scalars_present = 1u << SCALAR_TV_SUM;
	s->scalars[SCALAR_TV_SUM] = INFINITY;
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(ask("SELECT mse_loss FROM steps"), "NULL");
	assert_string_equal(ask("SELECT l1_loss FROM steps"), "NULL");
	assert_string_equal(ask("SELECT non_finite FROM steps"),
		"{\"mse_loss\": \"NaN\", \"l1_loss\": \"-Infinity\", \"tv_sum\": \"Infinity\"}");
	assert_string_equal(ask("SELECT json_valid(non_finite) FROM steps"), "1");
}

static struct run_cut *cut_with_every_kind(void) {
	struct run_cut *cut = cut_create("run1", 1);
	struct change_line *l = cut_line(cut, 0, 9, 6);
	l->entries[0] = (struct line_entry){.key = "losses/mse_loss", .value = value_float(0.1)};
	l->entries[1] = (struct line_entry){
		.key = "sparsity/below_1e-5", .source = LINE_SPARSITY, .value = value_int(3)};
	l->entries[2] = (struct line_entry){.key = "nan", .value = value_float(NAN)};
	l->entries[3] = (struct line_entry){.key = "inf", .value = value_float(INFINITY)};
	l->entries[4] = (struct line_entry){.key = "-inf", .value = value_float(-INFINITY)};
	l->entries[5] =
		(struct line_entry){.key = "note", .source = LINE_LOG, .value = value_text("it's")};
	return cut;
}

static void history_tells_numbers_from_what_is_none(void **state) {
	(void)state;
	assert_int_equal(commit(cut_with_every_kind(), NULL), 0);
	assert_string_equal(
		ask("SELECT group_concat(key || ' ' || kind || ' ' || coalesce(value, 'NULL') || ' "
		    "' || "
		    "typeof(value) || ' ' || coalesce(text, 'NULL') || ' ' || source, '; ') "
		    "FROM (SELECT * FROM history ORDER BY key)"),
		"-inf -inf NULL null NULL metrics; inf inf NULL null NULL metrics; "
		"losses/mse_loss num 0.1 real NULL metrics; nan nan NULL null NULL metrics; "
		"note text NULL null it's log; sparsity/below_1e-5 num 3 integer NULL sparsity");
	assert_string_equal(ask("SELECT line || step || attempt || run FROM history"), "091run1");
	assert_string_equal(
		ask("SELECT line || ' ' || step || ' ' || elapsed_s FROM lines"), "0 9 0.9");
}

static void a_whole_float_stays_a_float(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	struct change_line *l = cut_line(cut, 0, 0, 1);
	l->entries[0] = (struct line_entry){.key = "k", .value = value_float(3)};
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(ask("SELECT typeof(value) || value FROM history"), "real3.0");
}

static void a_log_for_a_closed_line_has_no_line(void **state) {
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run_cut *cut = cut_create("run1", 1);
		for (int j = 0; j < 2; j++) {
			struct change_line *l = cut_line(cut, LINE_NONE, 9, 1);
			l->entries[0] = (struct line_entry){
				.key = "late", .source = LINE_LOG, .value = value_int(i * 2 + j)};
		}
		assert_int_equal(commit(cut, NULL), 0);
	}
	assert_string_equal(ask("SELECT count(*) || ' ' || count(line) || ' ' || sum(value) "
				"FROM history WHERE step = 9"),
		"4 0 6");
}

static void histograms_are_json_lists_as_python_prints_them(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	struct change_line *l = cut_line(cut, 0, 99, 1);
	static const double counts[] = {3, 0, 2.5}, edges[] = {-10, (double)-6.6f, 1e-05, 0.1};
	l->entries[0] = (struct line_entry){.key = "plots/h", .source = LINE_SPARSITY};
	l->entries[0].value.kind = VALUE_HISTOGRAM;
	l->entries[0].value.histogram = (struct histogram_view){3, counts, edges};
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(
		ask("SELECT bins FROM histograms"), "[-10.0, -6.599999904632568, 1e-05, 0.1]");
	assert_string_equal(ask("SELECT \"values\" FROM histograms"), "[3, 0, 2.5]");
	assert_string_equal(
		ask("SELECT run || attempt || line || step || key || source FROM histograms"),
		"run11099plots/hsparsity");
	assert_string_equal(ask("SELECT count(*) FROM history"), "0");
}

static void a_window_says_what_it_counted_and_what_it_lacks(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut_window(cut, 0, 0);
	cut_window(cut, 1, FLAW_LATE | FLAW_STEPS_MISSING)->density.has_wandb = false;
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(ask("SELECT complete || flaws FROM windows WHERE window = 0"), "1[]");
	assert_string_equal(ask("SELECT complete || flaws FROM windows WHERE window = 1"),
		"0[\"steps missing\",\"late\"]");
	assert_string_equal(
		ask("SELECT \"below_1e-5\" || ' ' || \"below_1e-6\" || ' ' || never_fired "
		    "|| ' ' || p10 || ' ' || p90 FROM windows"),
		"5 3 2 -5.0 -1.0");
	assert_string_equal(
		ask("SELECT thresholds FROM windows"), "[{\"density\": 0.001, \"below\": 11}]");
	assert_string_equal(ask("SELECT json_array_length(wandb_bins) || ' ' || "
				"json_array_length(wandb_values) || ' ' || "
				"json_array_length(density_counts) FROM windows"),
		"65 64 200");
	assert_string_equal(
		ask("SELECT json_extract(wandb_bins, '$[0]') FROM windows"), "-6.59999990463257");
	assert_string_equal(ask("SELECT wandb_bins FROM windows WHERE window = 1"), "NULL");
}

static void a_partial_window_is_replaced_when_the_run_goes_on(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut_window(cut, 0, 0);
	cut_window(cut, 1, FLAW_PARTIAL);
	assert_int_equal(commit(cut, NULL), 0);
	cut = cut_create("run1", 2);
	cut_window(cut, 1, 0);
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(
		ask("SELECT group_concat(window || ' ' || complete) FROM windows"), "0 1,1 1");
}

static void a_complete_window_is_never_replaced(void **state) {
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run_cut *cut = cut_create("run1", 1);
		cut_window(cut, 0, 0);
		assert_int_equal(commit(cut, NULL), 0);
	}
	assert_string_equal(ask("SELECT count(*) FROM events WHERE kind = 'rejected'"), "1");
}

static void a_run_that_repeats_a_row_is_stopped_and_nobody_else(void **state) {
	(void)state;
	struct run_cut *bad = cut_create("bad", 1), *good = cut_create("good", 1);
	cut_step(bad, 0);
	cut_step(good, 0);
	assert_int_equal(commit(bad, good, NULL), 0);

	struct batch batch;
	batch_init(&batch);
	bad = cut_create("bad", 5);
	cut_step(bad, 1);
	cut_step(bad, 0);
	good = cut_create("good", 5);
	cut_step(good, 1);
	batch_put(&batch, bad);
	batch_put(&batch, good);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	assert_ptr_equal(batch.first, good);
	assert_null(good->next);
	assert_ptr_equal(batch.rejected, bad);
	assert_non_null(strstr(commit_why(&committer, "bad"), "steps_data"));
	assert_null(commit_why(&committer, "good"));
	batch_clear(&batch);

	assert_string_equal(ask("SELECT group_concat(run || step) FROM (SELECT * FROM steps ORDER "
				"BY run, step)"),
		"bad0,good0,good1");
	assert_string_equal(ask("SELECT applied FROM streams WHERE run = 'bad'"), "1");
	assert_string_equal(ask("SELECT state FROM runs WHERE id = 'bad'"), "stopped");
	assert_string_equal(ask("SELECT state FROM runs WHERE id = 'good'"), "running");
	assert_string_equal(ask("SELECT run FROM events WHERE kind = 'rejected'"), "bad");
}

static void a_stopped_run_stores_nothing_more(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("bad", 1);
	cut_step(cut, 0);
	cut_step(cut, 0);
	assert_int_equal(commit(cut, NULL), 0);
	struct batch batch;
	batch_init(&batch);
	cut = cut_create("bad", 2);
	cut_step(cut, 1);
	batch_put(&batch, cut);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	assert_null(batch.first);
	assert_ptr_equal(batch.rejected, cut);
	batch_clear(&batch);
	assert_string_equal(ask("SELECT count(*) FROM steps"), "0");
}

static void a_number_that_fits_no_column_stops_nobody(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut->row.total_training_tokens = UINT64_MAX;
	struct change_step *s = cut_step(cut, 0);
	step_measure(s, METRIC_DEAD_FEATURES, NAN, true);
	s->scalars_present = 1u << SCALAR_N_NAN_ACTS;
	s->scalars[SCALAR_N_NAN_ACTS] = 0.5;
	assert_int_equal(commit(cut, NULL), 0);
	assert_null(commit_why(&committer, "run1"));
	assert_string_equal(ask("SELECT total_training_tokens FROM runs"), "9223372036854775807");
	assert_string_equal(ask("SELECT n_nan_acts FROM steps"), "0.5");
}

static void the_long_texts_stay_until_others_come(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut->row.config_json = "{\"lr\": 0.1}";
	cut->row.notes = "first";
	assert_int_equal(commit(cut, NULL), 0);
	cut = cut_create("run1", 2);
	cut->row.notes = "second";
	assert_int_equal(commit(cut, NULL), 0);
	assert_int_equal(commit(cut_create("run1", 3), NULL), 0);
	assert_string_equal(ask("SELECT config || notes FROM runs"), "{\"lr\": 0.1}second");
}

static void a_run_is_its_users_by_number_until_his_name_is_known(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut->row.user = NULL;
	cut->row.uid = 3123456789u;
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(ask("SELECT user FROM runs"), "3123456789");
	cut = cut_create("run1", 2);
	cut->row.user = "joe";
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(ask("SELECT user FROM runs"), "joe");

	/* The directory does not answer any more: what it had said stays. */
	cut = cut_create("run1", 3);
	cut->row.user = NULL;
	assert_int_equal(commit(cut, NULL), 0);
	assert_string_equal(ask("SELECT user FROM runs"), "joe");
}

static void the_arrays_come_back_as_they_were_committed(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut_set_hot(cut, 100, 5);
	assert_int_equal(commit(cut, NULL), 0);
	struct loaded_run loaded;
	assert_int_equal(reader_load(&reader, "run1", &loaded), 0);
	assert_memory_equal(loaded.saved.small, "small 1", loaded.saved.small_len);
	assert_int_equal(loaded.saved.d_sae, 100);
	assert_int_equal(loaded.saved.window[3], 8);
	assert_int_equal(loaded.saved.last[3], 18);
	assert_int_equal(loaded.saved.base[3], 0);
	loaded_run_finish(&loaded);

	cut = cut_create("run1", 2);
	cut_set_base(cut, 100, 7);
	assert_int_equal(commit(cut, NULL), 0);
	cut = cut_create("run1", 3);
	cut->d_sae = 100;
	assert_int_equal(commit(cut, NULL), 0);
	assert_int_equal(reader_load(&reader, "run1", &loaded), 0);
	assert_int_equal(loaded.saved.window[3], 8);
	assert_int_equal(loaded.saved.base[3], 7003);
	loaded_run_finish(&loaded);
}

static void a_run_whose_slot_is_not_what_was_named_comes_back_without_arrays(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("run1", 1);
	cut_set_hot(cut, 100, 5);
	cut_set_base(cut, 100, 5);
	assert_int_equal(commit(cut, NULL), 0);
	spoil(path_of("m.db-state/run1.base.0"), -3);
	struct loaded_run loaded;
	assert_int_equal(reader_load(&reader, "run1", &loaded), 0);
	assert_non_null(loaded.saved.small);
	assert_null(loaded.saved.window);
	assert_null(loaded.saved.last);
	assert_null(loaded.saved.base);
	loaded_run_finish(&loaded);
	assert_int_equal(reader_load(&reader, "nobody", &loaded), -ENOENT);
}

static void several_cuts_of_a_run_in_one_batch_leave_the_last_state(void **state) {
	(void)state;
	struct run_cut *one = cut_create("run1", 1), *two = cut_create("run1", 2);
	cut_set_hot(one, 100, 1);
	cut_set_base(one, 100, 1);
	cut_set_hot(two, 100, 2);
	cut_step(one, 0);
	cut_step(two, 1);
	assert_int_equal(commit(one, two, NULL), 0);
	struct loaded_run loaded;
	assert_int_equal(reader_load(&reader, "run1", &loaded), 0);
	assert_memory_equal(loaded.saved.small, "small 2", 7);
	assert_int_equal(loaded.saved.window[0], 2);
	assert_int_equal(loaded.saved.base[0], 1000);
	loaded_run_finish(&loaded);
	assert_string_equal(ask("SELECT count(*) FROM steps"), "2");
}

static void the_last_three_restore_points_are_kept(void **state) {
	(void)state;
	for (uint32_t i = 1; i <= 5; i++) {
		char text[32];
		snprintf(text, sizeof text, "state %u", i);
		struct run_cut *cut = cut_create("run1", i);
		cut_mark(cut, i * 100, text);
		assert_int_equal(commit(cut, NULL), 0);
	}
	uint8_t *blob = NULL;
	size_t len = 0;
	assert_int_equal(reader_load_mark(&reader, "run1", 1, 500, &blob, &len), 0);
	assert_int_equal(len, 7);
	assert_memory_equal(blob, "state 5", 7);
	free(blob);
	assert_int_equal(reader_load_mark(&reader, "run1", 1, 200, &blob, &len), -ENOENT);
	assert_int_equal(reader_load_mark(&reader, "run1", 2, 500, &blob, &len), -ENOENT);
	assert_string_equal(ask("SELECT group_concat(step || restorable) FROM marks"),
		"1000,2000,3001,4001,5001");
	assert_false(exists(path_of("m.db-state/run1.mark.2")));
	assert_true(exists(path_of("m.db-state/run1.mark.3")));
	spoil(path_of("m.db-state/run1.mark.5"), 0);
	assert_int_equal(reader_load_mark(&reader, "run1", 1, 500, &blob, &len), -ENOENT);
}

static char open_ids[64];

static void on_open_run(void *user, const char *run_id) {
	(void)user;
	strncat(open_ids, run_id, sizeof open_ids - strlen(open_ids) - 1);
}

static void runs_that_have_not_ended_are_found_oldest_first(void **state) {
	(void)state;
	static const char *const states[] = {
		"running", "finished", "stalled", "crashed", "crashed"};
	for (int i = 0; i < 5; i++) {
		char id[2] = {(char)('a' + i), '\0'};
		struct run_cut *cut = cut_create(id, 1);
		cut->row.state = states[i];
		cut->row.last_seen = i == 4 ? 4e9 : 100 - i;
		assert_int_equal(commit(cut, NULL), 0);
	}
	assert_int_equal(reader_each_open_run(&reader, on_open_run, NULL), 0);
	assert_string_equal(open_ids, "cae");
}

static void another_writer_makes_it_busy_and_the_batch_is_kept(void **state) {
	(void)state;
	sqlite3 *other = NULL;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

	struct batch batch;
	batch_init(&batch);
	for (uint32_t i = 0; i < 3; i++) {
		struct run_cut *cut = cut_create(i == 1 ? "other" : "run1", i + 1);
		cut_set_hot(cut, 10, i);
		cut_step(cut, i);
		batch_put(&batch, cut);
	}
	assert_int_equal(commit_batch(&committer, &batch), -EBUSY);
	sqlite3_close(other);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	batch_clear(&batch);
	assert_string_equal(ask("SELECT applied FROM streams WHERE run = 'run1'"), "3");
	assert_string_equal(ask("SELECT count(*) FROM steps"), "3");
}

static void nothing_is_written_in_another_epoch(void **state) {
	(void)state;
	sql_run(path, "UPDATE meta SET epoch = epoch + 1");
	struct run_cut *cut = cut_create("run1", 1);
	cut_step(cut, 0);
	assert_int_equal(commit(cut, NULL), -ESTALE);
	assert_string_equal(ask("SELECT count(*) FROM steps"), "0");
	assert_non_null(strstr(committer.words, "another daemon"));
}

static void nothing_is_written_into_a_file_that_is_no_longer_there(void **state) {
	(void)state;
	assert_int_equal(rename(path, path_of("moved.db")), 0);
	struct run_cut *cut = cut_create("run1", 1);
	cut_step(cut, 0);
	assert_int_equal(commit(cut, NULL), -ESTALE);
}

static void a_full_disk_keeps_the_batch_and_loses_nothing(void **state) {
	(void)state;
	static const int full[] = {ENOSPC, EDQUOT, EFBIG};
	struct batch batch;
	batch_init(&batch);
	struct run_cut *cut = cut_create("run1", 1);
	cut_step(cut, 0);
	batch_put(&batch, cut);
	for (size_t i = 0; i < sizeof full / sizeof full[0]; i++) {
		fault_writes(full[i]);
		assert_int_equal(commit_batch(&committer, &batch), -ENOSPC);
		fault_writes(0);
		assert_ptr_equal(batch.first, cut);
		assert_string_equal(ask("SELECT count(*) FROM steps"), "0");
	}
	assert_int_equal(commit_batch(&committer, &batch), 0);
	batch_clear(&batch);
	assert_string_equal(ask("SELECT count(*) FROM steps"), "1");
}

static void a_broken_disk_is_not_taken_for_a_full_one(void **state) {
	(void)state;
	fault_writes(EIO);
	struct run_cut *cut = cut_create("run1", 1);
	cut_step(cut, 0);
	int err = commit(cut, NULL);
	fault_writes(0);
	assert_int_equal(err, -EIO);
	assert_true(committer.words[0] != '\0');
}

static void a_failed_sync_of_the_log_leaves_the_outcome_open(void **state) {
	(void)state;
	fault_syncs("-wal", ENOSPC);
	struct run_cut *cut = cut_create("run1", 1);
	cut_step(cut, 0);
	int err = commit(cut, NULL);
	fault_syncs("", 0);
	assert_int_equal(err, -EIO);
}

static void a_slot_that_cannot_be_synced_stops_the_commit_before_it_begins(void **state) {
	(void)state;
	fault_syncs(".hot.0", EIO);
	struct batch batch;
	batch_init(&batch);
	struct run_cut *cut = cut_create("run1", 1);
	cut_set_hot(cut, 10, 1);
	cut_step(cut, 0);
	batch_put(&batch, cut);
	int err = commit_batch(&committer, &batch);
	fault_syncs("", 0);
	assert_int_equal(err, -EAGAIN);
	assert_non_null(strstr(committer.words, "the state of a run"));
	assert_null(strstr(committer.words, "run1"));
	assert_string_equal(ask("SELECT count(*) FROM steps"), "0");
	assert_int_equal(commit_batch(&committer, &batch), 0);
	batch_clear(&batch);
	assert_string_equal(ask("SELECT count(*) FROM steps"), "1");
}

static void a_reader_who_stays_pins_the_log_and_is_noticed(void **state) {
	(void)state;
	sqlite3 *other = NULL;
	assert_int_equal(commit(cut_create("run1", 1), NULL), 0);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(commit(cut_create("run1", 2), NULL), 0);
	bool pinned = false;
	assert_int_equal(db_checkpoint(&db, &pinned), 0);
	assert_true(pinned);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(db_checkpoint(&db, &pinned), 0);
	assert_false(pinned);
	sqlite3_close(other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		T(a_step_is_a_row_with_a_column_a_metric),
		T(a_step_says_which_values_were_not_finite),
		T(history_tells_numbers_from_what_is_none),
		T(a_whole_float_stays_a_float),
		T(a_log_for_a_closed_line_has_no_line),
		T(histograms_are_json_lists_as_python_prints_them),
		T(a_window_says_what_it_counted_and_what_it_lacks),
		T(a_partial_window_is_replaced_when_the_run_goes_on),
		T(a_complete_window_is_never_replaced),
		T(a_run_that_repeats_a_row_is_stopped_and_nobody_else),
		T(a_stopped_run_stores_nothing_more),
		T(a_number_that_fits_no_column_stops_nobody),
		T(the_long_texts_stay_until_others_come),
		T(a_run_is_its_users_by_number_until_his_name_is_known),
		T(the_arrays_come_back_as_they_were_committed),
		T(a_run_whose_slot_is_not_what_was_named_comes_back_without_arrays),
		T(several_cuts_of_a_run_in_one_batch_leave_the_last_state),
		T(the_last_three_restore_points_are_kept),
		T(runs_that_have_not_ended_are_found_oldest_first),
		T(another_writer_makes_it_busy_and_the_batch_is_kept),
		T(nothing_is_written_in_another_epoch),
		T(nothing_is_written_into_a_file_that_is_no_longer_there),
		T(a_full_disk_keeps_the_batch_and_loses_nothing),
		T(a_broken_disk_is_not_taken_for_a_full_one),
		T(a_failed_sync_of_the_log_leaves_the_outcome_open),
		T(a_slot_that_cannot_be_synced_stops_the_commit_before_it_begins),
		T(a_reader_who_stays_pins_the_log_and_is_noticed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

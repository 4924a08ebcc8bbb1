/* Retention on a database: rows older than a moment that is passed in. Cuts' steps are a tenth of a second apart. */
#include "trim.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"
#include "rows_size.h"

#define START 1700000000.0

static struct trim trim;

static int setup(void **state) {
	trim = (struct trim){.policy = retention_none};
	return rig_setup(state);
}

static int teardown(void **state) {
	trim_finish(&trim);
	return rig_teardown(state);
}

static void end(struct run_cut *cut) {
	cut->row.state = "finished";
	cut->row.ended = cut->row.last_seen;
}

static void put_line(struct run_cut *cut, int64_t line, uint32_t step) {
	struct change_line *l = cut_line(cut, line, step, 2);
	l->entries[0] = (struct line_entry){"a", LINE_LOG, value_float(step)};
	l->entries[1] = (struct line_entry){"b", LINE_LOG, value_text("words")};
}

/* Steps first … first + n − 1, a line every tenth. */
static struct run_cut *trained(const char *id, uint32_t first, uint32_t n) {
	struct run_cut *cut = cut_create(id, first + n);
	cut->row.attempt = 1;
	for (uint32_t step = first; step < first + n; step++) {
		cut_step(cut, step);
		if (step % 10 == 0) {
			put_line(cut, step / 10, step);
		}
	}
	return cut;
}

/* Turns until there is nothing more to do, all runs that are asked about going if they may; what the last one said. */
static int turns(double now, bool may) {
	int result;
	trim.now = now;
	trim.pass_wanted = true;
	do {
		result = trim_turn(&trim, &db, &slots, &committer.known);
		trim.may_remove = result == TRIM_ASKS && may;
	} while (result == TRIM_MORE || result == TRIM_ASKS);
	return result;
}

static const char *sql(const char *query) {
	return sql_text(path, query);
}

/* The step at which the moment is, of a run that begins at START. */
static double moment(uint32_t step, uint64_t age_s) {
	return START + step * 0.1 + (double)age_s - 0.05;
}

static void old_steps_go_but_for_those_a_curve_is_drawn_of(void **state) {
	(void)state;
	cut_commit(trained("r", 0, 1000));
	trim.policy.steps_s = 100;
	assert_int_equal(turns(moment(500, 100), false), TRIM_DONE);
	/* 1000 steps: every eighth stays */
	assert_string_equal(sql("SELECT group_concat(step) FROM (SELECT step FROM steps LIMIT 4)"),
		"0,8,16,24");
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE step >= 500"), "500");
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE step < 500"), "63");
	assert_string_equal(sql("SELECT min(step) || ' ' || count(*) FROM lines"), "500 50");
	assert_string_equal(sql("SELECT min(step) || ' ' || count(*) FROM history"), "500 100");
	assert_string_equal(sql("SELECT step_last || ' ' || n_rows || ' ' || why FROM removed "
				"WHERE what = 'steps'"),
		"499 437 steps = 100s");
	assert_string_equal(
		sql("SELECT step_last || ' ' || n_rows FROM removed WHERE what = 'lines'"),
		"490 50");
	assert_int_equal(trim.removed.steps, 437);
	assert_int_equal(trim.removed.lines, 50);
}

static void a_second_pass_goes_on_where_the_first_one_stood(void **state) {
	(void)state;
	cut_commit(trained("r", 0, 1000));
	trim.policy.steps_s = 100;
	turns(moment(500, 100), false);
	turns(moment(500, 100), false);
	assert_int_equal(trim.removed.steps, 437);
	turns(moment(600, 100), false);
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE step < 600"), "75");
	assert_string_equal(sql("SELECT step_last FROM removed WHERE what = 'steps'"), "599");
}

static void the_steps_that_status_reads_stay_however_old(void **state) {
	(void)state;
	struct run_cut *cut = trained("r", 0, 1000);
	end(cut);
	cut_commit(cut);
	trim.policy.steps_s = 1;
	turns(START + 1e6, false);
	/* logged every 10 steps: the newest 64 */
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE step >= 936"), "64");
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE step < 936"), "117");
	assert_string_equal(sql("SELECT count(*) FROM history"), "0");
}

static void a_run_too_short_for_it_loses_no_step_and_nothing_is_said(void **state) {
	(void)state;
	cut_commit(trained("r", 0, 100));
	trim.policy.steps_s = 1;
	turns(START + 1e6, false);
	assert_string_equal(sql("SELECT count(*) FROM steps"), "100");
	assert_string_equal(sql("SELECT group_concat(what) FROM removed"), "lines");
}

/* Each attempt's rows are as old as they are: going back does not make what is new go. */
static void what_a_run_logs_after_going_back_stays_its_time(void **state) {
	(void)state;
	struct run_cut *cut = trained("r", 0, 1000);
	cut_attempt(cut, 1, 0);
	cut_commit(cut);
	trim.policy.steps_s = 100;
	turns(moment(900, 100), false);
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE step < 200"), "25");

	cut = cut_create("r", 2000);
	cut->row.attempt = 2;
	cut_attempt(cut, 2, 101);
	for (uint32_t step = 101; step < 201; step++) {
		cut_step(cut, step)->time = START + 200 + step * 0.1;
	}
	cut_commit(cut);
	turns(START + 250, false);
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE attempt = 2"), "100");
	/* status reads the newest 64, steps 137 … 200; of a run of 201 steps every other one stays */
	turns(START + 1000, false);
	assert_string_equal(
		sql("SELECT count(*) FROM steps WHERE attempt = 2 AND step < 137"), "18");
	assert_string_equal(
		sql("SELECT count(*) FROM steps WHERE attempt = 2 AND step >= 137"), "64");
}

static void a_late_line_goes_with_its_values_and_its_number_may_be_used_again(void **state) {
	(void)state;
	cut_commit(trained("r", 0, 200));
	struct run_cut *cut = cut_create("r", 300);
	cut->row.step = 199;
	put_line(cut, LINE_NONE, 3);
	put_line(cut, LINE_NONE, 5);
	cut_commit(cut);
	assert_string_equal(sql("SELECT count(*) FROM history WHERE line IS NULL"), "4");
	trim.policy.steps_s = 100;
	turns(moment(100, 100), false);
	assert_string_equal(sql("SELECT count(*) FROM history WHERE line IS NULL"), "0");
	assert_string_equal(sql("SELECT min(line) FROM lines"), "10");
	cut = cut_create("r", 301);
	cut->row.step = 199;
	put_line(cut, LINE_NONE, 3);
	cut_commit(cut);
	assert_string_equal(sql("SELECT count(*) FROM history WHERE line IS NULL"), "2");
}

static void old_windows_go_but_for_the_newest(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	for (uint32_t window = 0; window < 60; window++) {
		cut_window(cut, window, 0)->time = START + window;
	}
	cut_commit(cut);
	sql_run(path,
		"INSERT INTO deaths_data SELECT run, attempt, window, 7, 0, '[[1,2]]', '[]' FROM "
		"windows_data");
	trim.policy.windows_s = 100;
	turns(START + 100 + 9.5, false);
	assert_string_equal(sql("SELECT min(window) || ' ' || count(*) FROM windows"), "10 50");
	turns(START + 1e6, false);
	assert_string_equal(sql("SELECT min(window) || ' ' || count(*) FROM windows"), "28 32");
	assert_string_equal(
		sql("SELECT min(window) || ' ' || count(*) FROM window_means_data"), "28 32");
	assert_string_equal(sql("SELECT min(window) || ' ' || count(*) FROM deaths"), "28 32");
	assert_string_equal(sql("SELECT step_last || ' ' || n_rows || ' ' || why FROM removed"),
		"2798 28 windows = 100s");
}

static void a_clock_that_was_not_set_makes_nothing_old(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	for (uint32_t step = 0; step < 400; step++) {
		cut_step(cut, step)->time = step;
	}
	cut->row.last_seen = START;
	cut_commit(cut);
	trim.policy.steps_s = 100;
	turns(START + 99, false);
	assert_string_equal(sql("SELECT count(*) FROM steps"), "400");
}

static void a_run_goes_with_all_that_is_its_own_and_is_remembered(void **state) {
	(void)state;
	struct run_cut *cut = trained("gone", 0, 300);
	cut_set_hot(cut, 100, 1);
	cut_set_base(cut, 100, 1);
	cut_window(cut, 0, 0);
	cut_event(cut, "resample", "words");
	cut_attempt(cut, 1, 0);
	cut_mark(cut, 299, "a state");
	end(cut);
	cut_commit(cut);
	cut_commit(trained("stays", 0, 300));
	char hot[300], base[300], mark[300];
	snprintf(hot, sizeof hot, "%s-state/gone.hot.0", path);
	snprintf(base, sizeof base, "%s-state/gone.base.0", path);
	snprintf(mark, sizeof mark, "%s-state/gone.mark.1", path);
	assert_true(exists(hot) && exists(base) && exists(mark));
	sql_run(path, "INSERT INTO deaths_data VALUES (1, 1, 0, 0, 0, '[[1,2]]', NULL)");

	trim.policy.runs_s = 100;
	turns(START + 30 + 99, true);
	assert_string_equal(sql("SELECT count(*) FROM runs"), "2");
	turns(START + 30 + 101, true);
	assert_string_equal(sql("SELECT group_concat(id) FROM runs"), "stays");
	assert_string_equal(sql("SELECT id || ' ' || user || ' ' || state || ' ' || step || ' ' || "
				"why FROM removed_runs"),
		"gone joe finished 299 runs = 100s");
	assert_string_equal(
		sql("SELECT (SELECT count(*) FROM steps_data WHERE run = 1) + (SELECT count(*) "
		    "FROM "
		    "history_data WHERE run = 1) + (SELECT count(*) FROM lines_data WHERE run = 1) "
		    "+ "
		    "(SELECT count(*) FROM windows_data WHERE run = 1) + (SELECT count(*) "
		    "FROM window_means_data WHERE run = 1) + (SELECT count(*) FROM features_data "
		    "WHERE run = 1) + (SELECT count(*) FROM deaths_data WHERE run = 1) + (SELECT "
		    "count(*) FROM "
		    "events_data WHERE run = 1) + (SELECT count(*) FROM streams_data WHERE run = "
		    "1) + "
		    "(SELECT count(*) FROM marks_data WHERE run = 1) + (SELECT count(*) FROM "
		    "attempts_data WHERE run = 1) + (SELECT count(*) FROM run_state WHERE run = "
		    "1)"),
		"0");
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE run = 'stays'"), "300");
	assert_false(exists(hot) || exists(base) || exists(mark));
	assert_int_equal(trim.removed.runs, 1);
}

static void a_run_that_its_owner_does_not_let_go_stays(void **state) {
	(void)state;
	struct run_cut *cut = trained("r", 0, 300);
	end(cut);
	cut_commit(cut);
	trim.policy.runs_s = 1;
	assert_int_equal(turns(START + 1e6, false), TRIM_DONE);
	assert_string_equal(trim.asked.id, "r");
	assert_string_equal(sql("SELECT count(*) FROM runs"), "1");
}

/* It may have gone on between the question and the answer. */
static void a_run_that_went_on_meanwhile_is_not_removed(void **state) {
	(void)state;
	struct run_cut *cut = trained("r", 0, 300);
	end(cut);
	cut_commit(cut);
	trim.policy.runs_s = 1;
	trim.now = START + 1e6;
	trim.pass_wanted = true;
	assert_int_equal(trim_turn(&trim, &db, &slots, &committer.known), TRIM_ASKS);
	cut_commit(trained("r", 300, 10));
	trim.may_remove = true;
	trim_turn(&trim, &db, &slots, &committer.known);
	assert_string_equal(sql("SELECT count(*) FROM runs"), "1");
	assert_string_equal(sql("SELECT count(*) FROM removed_runs"), "0");
}

/* What is left of it is never taken for the new one's. */
static void a_run_of_the_same_id_begins_anew_while_the_old_one_is_still_being_collected(
	void **state) {
	(void)state;
	struct run_cut *cut = trained("r", 0, 300);
	cut_set_hot(cut, 100, 1);
	cut_mark(cut, 299, "a state");
	end(cut);
	cut_commit(cut);
	trim.policy.runs_s = 1;
	trim.now = START + 1e6;
	trim.pass_wanted = true;
	assert_int_equal(trim_turn(&trim, &db, &slots, &committer.known), TRIM_ASKS);
	trim.may_remove = true;
	trim_turn(&trim, &db, &slots, &committer.known);
	assert_string_equal(sql("SELECT count(*) FROM runs"), "0");
	assert_string_equal(sql("SELECT count(*) FROM steps_data"), "300");
	assert_string_equal(sql("SELECT count(*) FROM events WHERE run IS NULL"), "0");

	cut = trained("r", 0, 20);
	cut_set_hot(cut, 100, 7);
	cut_commit(cut);
	trim.policy = retention_none;
	assert_int_equal(turns(START + 1e6, false), TRIM_DONE);
	assert_string_equal(sql("SELECT count(*) FROM steps_data"), "20");
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE run = 'r'"), "20");
	char hot[300];
	snprintf(hot, sizeof hot, "%s-state/r.hot.0", path);
	assert_true(exists(hot));
}

static void put_forwarded(const char *id, uint32_t n, int64_t accepted) {
	char query[200];
	struct run_cut *cut = trained(id, 0, n);
	cut->row.forwards = cut->row.log_to_wandb = true;
	cut->row.forward_summary_json = "{\"a\":1}";
	end(cut);
	cut_commit(cut);
	snprintf(query, sizeof query,
		"UPDATE forwards_data SET accepted = %lld, accepted_step = %lld WHERE run = "
		"(SELECT n FROM runs_data WHERE id = '%s')",
		(long long)accepted, 10ll * (accepted - 1), id);
	sql_run(path, query);
}

static void what_waits_for_wandb_stays_whatever_is_set(void **state) {
	(void)state;
	put_forwarded("r", 300, 10);
	trim.policy =
		(struct retention){.steps_s = 1, .windows_s = 1, .runs_s = 1, .max_db_bytes = 1};
	turns(START + 1e6, true);
	assert_string_equal(sql("SELECT count(*) FROM runs"), "1");
	assert_string_equal(sql("SELECT count(*) FROM forward_lines"), "30");
	assert_string_equal(sql("SELECT min(step) FROM lines"), "90"); /* W&B's newest */
	assert_true(trim.too_large);

	trim.policy.wandb_off = true;
	turns(START + 1e6, true);
	assert_string_equal(sql("SELECT count(*) FROM runs"), "0");
	assert_string_equal(sql("SELECT count(*) FROM forward_lines_data"), "0");
}

/* Steps of all before windows of any, and both before a run. */
static void a_database_that_is_too_large_loses_what_is_oldest_first_and_no_more_than_it_must(
	void **state) {
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		char id[8];
		snprintf(id, sizeof id, "r%u", i);
		struct run_cut *cut = trained(id, 0, 4000);
		cut->row.last_seen = START + 10000 - i; /* r7 has been quiet for longest */
		if (i != 7) {
			end(cut);
		}
		cut_commit(cut);
	}
	turns(START, false);
	uint64_t full = trim.used_bytes;
	trim.policy.max_db_bytes = full - full / 20;
	assert_int_equal(turns(START, true), TRIM_DONE);
	assert_true(trim.used_bytes <= trim.policy.max_db_bytes - trim.policy.max_db_bytes / 10);
	assert_true(trim.used_bytes > full / 2);
	assert_string_equal(sql("SELECT count(*) FROM runs"), "8");
	assert_string_equal(
		sql("SELECT max(run) = 'r6' AND min(run) > 'r2' FROM removed WHERE what = 'steps'"),
		"1");
	assert_string_equal(sql("SELECT DISTINCT why LIKE 'max_db = %' FROM removed"), "1");
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE run = 'r7'"), "4000");

	trim.policy.max_db_bytes = full / 4;
	assert_int_equal(turns(START, true), TRIM_DONE);
	assert_false(trim.too_large);
	/* r7 goes on, and stays */
	assert_string_equal(sql("SELECT count(*) FROM steps WHERE run = 'r7'"), "4000");
	trim.policy.max_db_bytes = 4096;
	assert_int_equal(turns(START, true), TRIM_DONE);
	assert_string_equal(sql("SELECT group_concat(id) FROM runs"), "r7");
	assert_true(trim.too_large);
}

static long file_size(void) {
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	long size = ftell(f);
	(void)fclose(f);
	return size;
}

static void checkpoint(void) {
	bool pinned;
	assert_int_equal(db_checkpoint(&db, &pinned), 0);
	assert_false(pinned);
}

static void what_is_freed_goes_back_to_the_file_system(void **state) {
	(void)state;
	static char words[60000];
	memset(words, 'x', sizeof words - 1);
	struct run_cut *cut = cut_create("r", 1);
	for (uint32_t i = 0; i < 200; i++) {
		cut_line(cut, i, i, 1)->entries[0] =
			(struct line_entry){"a", LINE_LOG, value_text(words)};
	}
	end(cut);
	cut_commit(cut);
	checkpoint();
	long before = file_size();
	assert_true(before > 10 << 20);
	trim.policy.runs_s = 1;
	int result;
	do {
		result = turns(START + 1e6, true);
		checkpoint();
	} while (result == TRIM_WAITS);
	assert_int_equal(result, TRIM_DONE);
	assert_true(file_size() < 6 << 20); /* 4 MiB stay for what comes */
	assert_string_equal(sql("PRAGMA integrity_check"), "ok");
}

static void a_log_that_a_reader_keeps_is_not_made_longer_without_end(void **state) {
	(void)state;
	cut_commit(trained("r", 0, 100));
	db.wal_bytes = TRIM_LOG_MAX + 1;
	assert_int_equal(turns(START + 1e6, true), TRIM_WAITS);
}

static void put_histogram(struct run_cut *cut, uint32_t step) {
	static const double counts[64], edges[65];
	cut_line(cut, step, step, 1)->entries[0] = (struct line_entry){
		"h", LINE_METRICS, {.kind = VALUE_HISTOGRAM, .histogram = {64, counts, edges}}};
}

/* Steps that stay, and windows that stay; of lines nothing does. */
static void what_has_gone_is_no_longer_counted_among_what_its_user_has(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	cut->row.attempt = 1;
	for (uint32_t i = 0; i < 1000; i++) {
		cut_step(cut, i);
		if (i % 10 == 0) {
			put_histogram(cut, i);
			cut_window(cut, i / 10, 0);
		}
	}
	cut->row.rows_bytes = rows_size(&cut->changes);
	cut_commit(cut);
	trim.policy.steps_s = trim.policy.windows_s = 1;
	turns(START + 1e6, false);
	assert_string_equal(sql("SELECT count(*) FROM lines"), "0");
	assert_string_equal(sql("SELECT count(*) FROM windows"), "32");
	long left =
		ROWS_STEP_BYTES * atol(sql("SELECT count(*) FROM steps")) + ROWS_WINDOW_BYTES * 32;
	long said = atol(sql("SELECT rows_bytes FROM runs_data"));
	assert_in_range(said, left - left / 20, left + left / 20);
}

static void of_removed_runs_only_the_newest_are_remembered(void **state) {
	(void)state;
	sql_run(path, "INSERT INTO removed_runs_data WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL "
		      "SELECT i + 1 FROM c "
		      "WHERE i < 10100) SELECT i, 'r' || i, NULL, NULL, NULL, 0, 0, 'finished', 1, "
		      "0, 0, i, 'w', 1 "
		      "FROM c");
	sql_run(path, "UPDATE removed_runs_data SET collected = 0 WHERE n = 10100");
	turns(START, true);
	assert_string_equal(
		sql("SELECT count(*) || ' ' || min(n) FROM removed_runs_data"), "10000 101");
	cut_commit(trained("new", 0, 1));
	assert_string_equal(sql("SELECT n FROM runs_data"), "10101");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(old_steps_go_but_for_those_a_curve_is_drawn_of),
		TEST(a_second_pass_goes_on_where_the_first_one_stood),
		TEST(the_steps_that_status_reads_stay_however_old),
		TEST(a_run_too_short_for_it_loses_no_step_and_nothing_is_said),
		TEST(what_a_run_logs_after_going_back_stays_its_time),
		TEST(a_late_line_goes_with_its_values_and_its_number_may_be_used_again),
		TEST(old_windows_go_but_for_the_newest),
		TEST(a_clock_that_was_not_set_makes_nothing_old),
		TEST(a_run_goes_with_all_that_is_its_own_and_is_remembered),
		TEST(a_run_that_its_owner_does_not_let_go_stays),
		TEST(a_run_that_went_on_meanwhile_is_not_removed),
		TEST(a_run_of_the_same_id_begins_anew_while_the_old_one_is_still_being_collected),
		TEST(what_waits_for_wandb_stays_whatever_is_set),
		TEST(a_database_that_is_too_large_loses_what_is_oldest_first_and_no_more_than_it_must),
		TEST(what_is_freed_goes_back_to_the_file_system),
		TEST(a_log_that_a_reader_keeps_is_not_made_longer_without_end),
		TEST(what_has_gone_is_no_longer_counted_among_what_its_user_has),
		TEST(of_removed_runs_only_the_newest_are_remembered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

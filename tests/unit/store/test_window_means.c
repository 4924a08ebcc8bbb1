/* What the steps of a window come to: of each step the row that stood, in the order of steps, finite numbers alone. */
#include "window_means.h"

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

#define WINDOW_STEPS 100u /* of cut_window's, numbers 0 … 98 of them */

static const char *sql(const char *query) {
	return sql_text(path, query);
}

static double loss_at(uint32_t step, uint32_t attempt) {
	return 0.1 * attempt + 1.0 / (3 + step);
}

static void put_steps(struct run_cut *cut, uint32_t first, uint32_t end) {
	for (uint32_t step = first; step < end; step++) {
		struct change_step *s = cut_step(cut, step);
		step_measure(s, METRIC_MSE_LOSS, loss_at(step, s->attempt), false);
		step_measure(s, METRIC_N_TOKENS_FOLDED, 4096.0 * (step + 1), true);
	}
}

static void check_mean(const char *column, double expected) {
	char query[128];
	snprintf(query, sizeof query, "SELECT printf('%%!.17g', %s) FROM window_means", column);
	assert_true(strtod(sql(query), NULL) == expected);
}

static void a_mean_is_the_sum_in_the_order_of_steps_over_their_number(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	cut_attempt(cut, 1, 0);
	put_steps(cut, 0, WINDOW_STEPS);
	cut_window(cut, 0, 0);
	cut_commit(cut);
	double sum = 0;
	for (uint32_t step = 0; step < 99; step++) {
		sum += loss_at(step, 1);
	}
	check_mean("mse_loss", sum / 99);
	assert_string_equal(sql("SELECT n_steps || ' ' || n_tokens_folded || ' ' || complete FROM "
				"window_means"),
		"99 405504 1");
	assert_string_equal(sql("SELECT l0 FROM window_means"), "NULL");
	assert_string_equal(sql("SELECT not_finite FROM window_means"), "NULL");
	assert_string_equal(sql("SELECT extra FROM window_means"), "NULL");
}

/* Every number of a step is another one: which went where shows. */
static void every_mean_is_in_the_column_of_its_name(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	struct change_step *s = cut_step(cut, 3);
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (!metric_of_window((enum metric)m)) {
			step_measure(s, (enum metric)m, 1000 + m, true);
		}
	}
	for (int i = SCALAR_EV_COUNT; i < SCALAR_COUNT; i++) {
		s->scalars_present |= 1u << i;
		s->scalars[i] = 2000 + i;
	}
	s->n_rows = 16;
	cut_window(cut, 0, 0);
	cut_commit(cut);
	for (uint32_t i = 0; i < WINDOW_METRICS; i++) {
		char query[160];
		snprintf(query, sizeof query,
			"SELECT m.%s = s.%s FROM window_means m JOIN steps s USING (run)",
			window_mean_name(i), window_mean_name(i));
		assert_string_equal(sql(query), "1");
	}
	assert_string_equal(
		sql("SELECT m.ev_mean = s.ev_mean AND l2_per_row = l2_sum / 16 AND tv_per_row = "
		    "tv_sum / 16 AND mse_num_per_row = mse_num / 16 AND mse_den_per_row = mse_den "
		    "/ 16 AND mse_ratio = mse_num / mse_den AND lp_per_row = lp_sum / 16 AND "
		    "weighted_lp_per_row = s.l1_coefficient * lp_sum / 16 AND aux_per_row = "
		    "aux_sum / 16 FROM window_means m JOIN steps s USING (run)"),
		"1");
}

static void a_column_is_kept_for_every_mean_and_none_besides(void **state) {
	(void)state;
	char expected[1024] = "run,attempt,window,n_steps,n_tokens_folded";
	for (uint32_t i = 0; i < WINDOW_MEANS; i++) {
		size_t len = strlen(expected);
		snprintf(expected + len, sizeof expected - len, ",%s%s", window_mean_name(i),
			i + 1 == WINDOW_MEANS ? ",not_finite,extra" : "");
	}
	assert_string_equal(
		sql("SELECT group_concat(name) FROM pragma_table_info('window_means_data')"),
		expected);
}

/* Some have it, some do not, and some have what is no number. */
static void what_is_not_finite_is_counted_and_never_averaged(void **state) {
	(void)state;
	static const char *const names[] = {"grad_norm", "fine"};
	static const double values[] = {2, NAN, INFINITY, 4};
	static uint64_t present[] = {3};
	double extras[4][2];
	struct run_cut *cut = cut_create("r", 1);
	for (uint32_t i = 0; i < 4; i++) {
		struct change_step *s = cut_step(cut, i);
		step_measure(s, METRIC_MSE_LOSS, values[i], false);
		s->scalars_present = 1u << SCALAR_L2_SUM;
		s->scalars[SCALAR_L2_SUM] = 4096 * values[i];
		extras[i][0] = values[i];
		extras[i][1] = i;
		s->n_extras = 2;
		s->extra_names = names;
		s->extras_present = present;
		s->extras = extras[i];
	}
	(void)cut_step(cut, 4);
	cut_window(cut, 0, 0);
	cut_commit(cut);
	check_mean("mse_loss", 3);
	check_mean("l2_per_row", 3);
	check_mean("n_steps", 5);
	assert_string_equal(sql("SELECT not_finite FROM window_means"),
		"{\"mse_loss\": 2, \"l2_per_row\": 2, \"grad_norm\": 2}");
	assert_string_equal(
		sql("SELECT extra FROM window_means"), "{\"grad_norm\": 3.0, \"fine\": 1.5}");
}

/* Attempt 2 went back to 40 and came to 70, attempt 3 went back to 60: a row of attempt 1 at 80 is of nobody's window. */
static void of_a_step_the_row_counts_that_was_not_gone_back_behind(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	cut_attempt(cut, 1, 0);
	put_steps(cut, 0, 90);
	cut_attempt(cut, 2, 40);
	put_steps(cut, 40, 70);
	cut_attempt(cut, 3, 60);
	put_steps(cut, 60, 80);
	put_steps(cut, 81, 100);
	cut_window(cut, 0, FLAW_STEPS_MISSING);
	cut_attempt(cut, 4, 10);
	put_steps(cut, 10, 30);
	cut_commit(cut);
	double sum = 0;
	for (uint32_t step = 0; step < 99; step++) {
		sum += step == 80 ? 0 : loss_at(step, step < 40 ? 1 : step < 60 ? 2 : 3);
	}
	check_mean("mse_loss", sum / 98);
	check_mean("n_steps", 98);
	assert_string_equal(sql("SELECT attempt || ' ' || complete FROM window_means"), "3 0");
}

/* Of a step that two attempts have, without a word of where either began. */
static void the_newest_attempt_counts_where_nothing_says_where_it_began(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	put_steps(cut, 0, 99);
	cut->row.attempt = 2;
	put_steps(cut, 50, 99);
	cut_window(cut, 0, 0);
	cut_commit(cut);
	double sum = 0;
	for (uint32_t step = 0; step < 99; step++) {
		sum += loss_at(step, step < 50 ? 1 : 2);
	}
	check_mean("mse_loss", sum / 99);
}

static void a_partial_window_has_none_and_the_whole_one_has_all_its_steps(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	cut_attempt(cut, 1, 0);
	put_steps(cut, 0, 10);
	cut_window(cut, 0, FLAW_PARTIAL | FLAW_STEPS_MISSING);
	cut_commit(cut);
	assert_string_equal(
		sql("SELECT (SELECT count(*) FROM windows) || ' ' || (SELECT count(*) FROM "
		    "window_means_data)"),
		"1 0");
	cut = cut_create("r", 2);
	put_steps(cut, 10, 100);
	cut_window(cut, 0, 0);
	cut_commit(cut);
	assert_string_equal(sql("SELECT group_concat(n_steps) FROM window_means"), "99");
	assert_string_equal(sql("SELECT count(*) FROM window_means_data"), "1");
}

/* An earlier version wrote them. */
static void the_means_of_a_partial_window_go_with_it(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	put_steps(cut, 0, 10);
	cut_window(cut, 0, FLAW_PARTIAL);
	cut_commit(cut);
	sql_run(path, "INSERT INTO window_means_data (run, attempt, window, n_steps) VALUES (1, 1, "
		      "0, 10)");
	cut = cut_create("r", 2);
	put_steps(cut, 10, 100);
	cut_window(cut, 0, 0);
	cut_commit(cut);
	assert_string_equal(sql("SELECT group_concat(n_steps) FROM window_means"), "99");
}

static void what_was_kept_is_read_as_it_was_added_up(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	put_steps(cut, 0, 100);
	step_measure(cut_step(cut, 100), METRIC_L0, 1, false); /* behind it */
	cut_window(cut, 0, 0);
	cut_commit(cut);
	struct window_means added, kept;
	const struct window_place place = {1, 1, 0, 0, 98};
	assert_int_equal(
		window_means_add_up(db.writer.statements[STATEMENT_WINDOW_STEPS], &place, &added),
		SQLITE_OK);
	sqlite3_stmt *st = NULL;
	assert_int_equal(
		sqlite3_prepare_v2(db.sql, "SELECT * FROM window_means_data", -1, &st, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(window_means_take(st, 3, &kept), SQLITE_OK);
	(void)sqlite3_finalize(st);
	assert_int_equal(kept.n_steps, added.n_steps);
	assert_int_equal(kept.n_tokens_folded, added.n_tokens_folded);
	assert_memory_equal(&kept.value[0], &added.value[0], sizeof kept.value[0]);
	assert_true(isnan(kept.value[9]) && isnan(added.value[9]));
	assert_null(kept.extra);
	window_means_finish(&kept);
	window_means_finish(&added);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		T(a_mean_is_the_sum_in_the_order_of_steps_over_their_number),
		T(every_mean_is_in_the_column_of_its_name),
		T(a_column_is_kept_for_every_mean_and_none_besides),
		T(what_is_not_finite_is_counted_and_never_averaged),
		T(of_a_step_the_row_counts_that_was_not_gone_back_behind),
		T(the_newest_attempt_counts_where_nothing_says_where_it_began),
		T(a_partial_window_has_none_and_the_whole_one_has_all_its_steps),
		T(the_means_of_a_partial_window_go_with_it),
		T(what_was_kept_is_read_as_it_was_added_up),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("window means", tests, NULL, NULL);
}

/* Where runs stand: by the last complete window that was not gone back behind, each once, and only to those who may see it. */
#include "points.h"

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

static char words[256];

static void put_steps(struct run_cut *cut, uint32_t first, uint32_t end) {
	for (uint32_t step = first; step < end; step++) {
		struct change_step *s = cut_step(cut, step);
		step_measure(s, METRIC_MSE_LOSS, s->attempt + 1.0 / (3 + step), false);
		step_measure(s, METRIC_L0, step, true);
		step_measure(s, METRIC_N_TOKENS_FOLDED, 10.0 * (step + 1), true);
		s->scalars_present = 1u << SCALAR_L2_SUM | 1u << SCALAR_TV_SUM;
		s->scalars[SCALAR_L2_SUM] = 4096.0 * (1 + step % 3);
		s->scalars[SCALAR_TV_SUM] = step == 7 ? NAN : 8192;
	}
}

/* Window w of cut_window's is over steps 100 w … 100 w + 98, whatever number of them it has seen. */
static void put_window(struct run_cut *cut, uint32_t window, uint32_t flaws) {
	struct change_window *w = cut_window(cut, window, flaws);
	w->n_steps = 99;
}

static struct run_cut *cut_run(const char *id, uint32_t n_windows) {
	struct run_cut *cut = cut_create(id, 1);
	cut_attempt(cut, 1, 0);
	for (uint32_t w = 0; w < n_windows; w++) {
		put_steps(cut, w * 100, w * 100 + 100);
		put_window(cut, w, 0);
	}
	return cut;
}

static json_t *ask(const struct points_query *query) {
	json_t *document = NULL;
	assert_int_equal(points_build(db.sql, query, &document, words), 0);
	assert_string_equal(words, "");
	json_t *runs = json_incref(json_object_get(document, "runs"));
	assert_int_equal(json_integer_value(json_object_get(document, "schema")), 1);
	json_decref(document);
	return runs;
}

static json_t *ask_all(void) {
	return ask(&(struct points_query){.viewer = {.sees_all = true}});
}

static json_t *at(json_t *object, const char *dotted) {
	char keys[128];
	snprintf(keys, sizeof keys, "%s", dotted);
	char *rest = keys, *key;
	while ((key = strsep(&rest, ".")) != NULL) {
		object = json_object_get(object, key);
	}
	return object;
}

/* Of the one run. */
static json_t *point_at_tokens(uint64_t tokens) {
	json_t *runs = ask(&(struct points_query){
		.viewer = {.sees_all = true}, .has_at_tokens = true, .at_tokens = tokens});
	assert_int_equal(json_array_size(runs), 1);
	json_t *point = json_incref(at(json_array_get(runs, 0), "point"));
	json_decref(runs);
	return point;
}

static json_int_t window_of(json_t *runs, size_t i) {
	json_t *window = at(json_array_get(runs, i), "point.window");
	return json_is_integer(window) ? json_integer_value(window) : -1;
}

static void a_point_has_what_the_view_says_of_the_window(void **state) {
	(void)state;
	cut_commit(cut_run("r", 2));
	json_t *runs = ask_all(), *run = json_array_get(runs, 0);
	json_t *point = at(run, "point");
	char mean[64];
	snprintf(mean, sizeof mean, "%.17g", json_real_value(at(point, "metrics.mse_loss")));
	assert_string_equal(mean, sql_text(path, "SELECT printf('%!.17g', mse_loss) FROM "
						 "window_means WHERE window = 1"));
	assert_true(json_real_value(at(point, "metrics.l0")) == 149);
	assert_null(at(point, "metrics.fvu"));
	assert_int_equal(json_integer_value(at(point, "window")), 1);
	assert_int_equal(json_integer_value(at(point, "step_first")), 100);
	assert_int_equal(json_integer_value(at(point, "step_last")), 198);
	assert_int_equal(json_integer_value(at(point, "n_steps")), 99);
	assert_int_equal(json_integer_value(at(point, "n_tokens")), 409600);
	assert_int_equal(json_integer_value(at(point, "tokens")), 1990);
	assert_string_equal(json_string_value(at(point, "time")), "2023-11-14T22:13:20.000Z");
	assert_int_equal(json_integer_value(at(point, "sparsity.dead_features")), 8);
	assert_int_equal(json_integer_value(at(point, "sparsity.dead_10m_tokens")), 5);
	assert_int_equal(json_integer_value(at(point, "sparsity.below_1e-5")), 5);
	assert_true(json_real_value(at(point, "sparsity.p90")) == -1);
	assert_true(json_real_value(at(point, "statistics.tv_per_row")) == 2);
	assert_true(json_is_null(at(point, "statistics.lp_per_row")));
	assert_true(json_is_null(at(point, "statistics.l1_coefficient")));
	assert_null(at(point, "not_finite"));
	assert_null(at(run, "trajectory"));
	assert_string_equal(json_string_value(at(run, "id")), "r");
	assert_string_equal(json_string_value(at(run, "profile")), "prisma");
	json_decref(runs);
}

static void what_was_not_finite_and_what_has_no_column_is_in_it(void **state) {
	(void)state;
	static const char *const names[] = {"grad_norm", "l0"};
	static uint64_t present[] = {3};
	static double extras[] = {0.5, -1};
	struct run_cut *cut = cut_create("r", 1);
	put_steps(cut, 0, 99);
	container_of(cut->changes.tail, struct change, next)->step.n_extras = 2;
	container_of(cut->changes.tail, struct change, next)->step.extra_names = names;
	container_of(cut->changes.tail, struct change, next)->step.extras_present = present;
	container_of(cut->changes.tail, struct change, next)->step.extras = extras;
	put_window(cut, 0, 0);
	cut_commit(cut);
	json_t *runs = ask_all(), *point = at(json_array_get(runs, 0), "point");
	assert_int_equal(json_integer_value(at(point, "not_finite.tv_per_row")), 1);
	assert_true(json_real_value(at(point, "metrics.grad_norm")) == 0.5);
	/* A metric's own name is the metric's. */
	assert_true(json_real_value(at(point, "metrics.l0")) == 49);
	json_decref(runs);
}

static void a_run_stands_where_its_last_complete_window_does(void **state) {
	(void)state;
	struct run_cut *cut = cut_run("flawed", 2);
	put_window(cut, 2, FLAW_STEPS_MISSING);
	put_window(cut, 3, FLAW_PARTIAL);
	cut->row.last_seen += 3;
	cut_commit(cut);
	cut = cut_create("none", 1);
	put_steps(cut, 0, 10);
	put_window(cut, 0, FLAW_PARTIAL);
	cut_commit(cut);
	json_t *runs = ask_all();
	assert_int_equal(window_of(runs, 0), 1);
	assert_true(json_is_null(at(json_array_get(runs, 1), "point")));
	json_decref(runs);
}

static void a_window_that_was_gone_back_behind_does_not_stand(void **state) {
	(void)state;
	struct run_cut *cut = cut_run("r", 3);
	cut_attempt(cut, 2, 150);
	cut_commit(cut);
	json_t *runs = ask_all();
	assert_int_equal(window_of(runs, 0), 0);
	json_decref(runs);
	cut = cut_create("r", 2);
	cut->row.attempt = 2;
	put_steps(cut, 150, 199);
	put_window(cut, 1, 0);
	cut_commit(cut);
	runs = ask(&(struct points_query){.viewer = {.sees_all = true}, .trajectory = true});
	assert_int_equal(window_of(runs, 0), 1);
	assert_int_equal(json_array_size(at(json_array_get(runs, 0), "trajectory")), 2);
	double mean = json_real_value(at(json_array_get(runs, 0), "point.metrics.mse_loss"));
	assert_true(mean > 1.4 && mean < 1.6); /* of steps of both attempts */
	json_decref(runs);
}

static void at_a_number_of_tokens_the_window_counts_that_had_ended(void **state) {
	(void)state;
	cut_commit(cut_run("r", 3));
	static const struct {
		uint64_t tokens;
		json_int_t window;
	} cases[] = {{990, 0}, {1989, 0}, {1990, 1}, {2989, 1}, {1u << 30, 2}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *point = point_at_tokens(cases[i].tokens);
		assert_int_equal(json_integer_value(at(point, "window")), cases[i].window);
		json_decref(point);
	}
	json_t *point = point_at_tokens(989);
	assert_true(json_is_null(point));
	json_decref(point);
}

static void a_trajectory_is_all_of_it_oldest_first_and_ends_in_the_point(void **state) {
	(void)state;
	cut_commit(cut_run("r", 5));
	json_t *runs = ask(&(struct points_query){.viewer = {.sees_all = true},
		.trajectory = true,
		.has_at_tokens = true,
		.at_tokens = 3990});
	json_t *trajectory = at(json_array_get(runs, 0), "trajectory"), *point;
	size_t i;
	assert_int_equal(json_array_size(trajectory), 4);
	json_array_foreach(trajectory, i, point) {
		assert_int_equal(json_integer_value(at(point, "window")), i);
	}
	assert_true(
		json_equal(json_array_get(trajectory, 3), at(json_array_get(runs, 0), "point")));
	json_decref(runs);
}

/* As of a database that was brought up to date. */
static void of_windows_without_means_the_same_is_added_up_while_the_steps_are_there(void **state) {
	(void)state;
	cut_commit(cut_run("r", 3));
	const struct points_query query = {.viewer = {.sees_all = true},
		.trajectory = true,
		.has_at_tokens = true,
		.at_tokens = 2000};
	json_t *kept = ask(&query);
	sql_run(path, "DELETE FROM window_means_data");
	json_t *added = ask(&query);
	assert_int_equal(json_array_size(at(json_array_get(added, 0), "trajectory")), 2);
	assert_true(json_equal(kept, added));
	json_decref(kept);
	json_decref(added);
}

static void where_steps_are_gone_nothing_is_made_up(void **state) {
	(void)state;
	cut_commit(cut_run("r", 1));
	sql_run(path, "DELETE FROM window_means_data; DELETE FROM steps_data WHERE step % 16 <> 0");
	json_t *runs = ask_all(), *point = at(json_array_get(runs, 0), "point");
	assert_int_equal(json_object_size(at(point, "metrics")), 0);
	assert_true(json_is_null(at(point, "tokens")));
	assert_true(json_is_null(at(point, "statistics.l2_per_row")));
	assert_int_equal(json_integer_value(at(point, "sparsity.never_fired")), 2);
	json_decref(runs);
	json_t *none = point_at_tokens(1u << 30);
	assert_true(json_is_null(none));
	json_decref(none);
}

/* ---- where runs stood earlier ---- */

#define FIRST_ENDED 1700000000.0 /* of windows that end an hour after each other */

static void put_times(void) {
	sql_run(path, "UPDATE windows_data SET time = 1700000000.0 + 3600 * window");
}

static json_int_t window_then(double when, bool has_tokens, uint64_t tokens) {
	json_t *runs = ask(&(struct points_query){.viewer = {.sees_all = true},
		.has_at_time = true,
		.at_time = when,
		.has_at_tokens = has_tokens,
		.at_tokens = tokens});
	json_t *earlier = at(json_array_get(runs, 0), "earlier");
	assert_non_null(earlier);
	json_t *point = json_is_true(earlier) ? at(json_array_get(runs, 0), "point") : earlier;
	json_int_t window = json_is_null(earlier) ? -1 : json_integer_value(at(point, "window"));
	json_decref(runs);
	return window;
}

static void earlier_is_the_last_window_that_had_ended_by_then(void **state) {
	(void)state;
	cut_commit(cut_run("r", 4));
	put_times();
	static const struct {
		double after_s;
		json_int_t window;
	} cases[] = {{-1, -1}, {0, 0}, {3599, 0}, {3600, 1}, {2.5 * 3600, 2}, {1e6, 3}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(
			window_then(FIRST_ENDED + cases[i].after_s, false, 0), cases[i].window);
	}
	/* At or before so many tokens, too. */
	assert_int_equal(window_then(FIRST_ENDED + 1e6, true, 2989), 1);
	assert_int_equal(window_then(FIRST_ENDED, true, 2989), 0);
	json_t *runs = ask_all();
	assert_null(at(json_array_get(runs, 0), "earlier"));
	json_decref(runs);
}

static void where_a_run_stood_all_the_time_is_not_said_twice(void **state) {
	(void)state;
	cut_commit(cut_run("r", 2));
	put_times();
	for (int before = 0; before < 2; before++) {
		json_t *runs = ask(&(struct points_query){.viewer = {.sees_all = true},
			.has_at_time = true,
			.at_time = FIRST_ENDED + 3600 - before});
		json_t *earlier = at(json_array_get(runs, 0), "earlier");
		assert_true(before ? json_is_object(earlier) : json_is_true(earlier));
		json_decref(runs);
	}
}

static void what_was_gone_back_behind_or_has_a_flaw_was_never_stood_at(void **state) {
	(void)state;
	struct run_cut *cut = cut_run("r", 3);
	put_window(cut, 3, FLAW_STEPS_MISSING);
	cut_attempt(cut, 2, 150);
	cut_commit(cut);
	put_times();
	assert_int_equal(window_then(FIRST_ENDED + 1e6, false, 0), 0);
}

static void what_was_earlier_is_a_point_of_the_trajectory(void **state) {
	(void)state;
	cut_commit(cut_run("r", 4));
	put_times();
	const struct points_query query = {.viewer = {.sees_all = true},
		.trajectory = true,
		.has_at_time = true,
		.at_time = FIRST_ENDED + 3600};
	json_t *kept = ask(&query), *run = json_array_get(kept, 0);
	assert_true(json_equal(at(run, "earlier"), json_array_get(at(run, "trajectory"), 1)));
	assert_int_equal(json_array_size(at(run, "trajectory")), 4);
	sql_run(path, "DELETE FROM window_means_data");
	json_t *added = ask(&query);
	assert_true(json_equal(kept, added));
	json_decref(kept);
	json_decref(added);
}

static void a_private_run_is_in_it_for_its_own_user_alone(void **state) {
	(void)state;
	struct run_cut *cut = cut_run("secret", 1);
	cut->row.is_private = true;
	cut_commit(cut);
	cut_commit(cut_run("open", 1));
	json_t *runs = ask(&(struct points_query){.viewer = {.uid = 1001}});
	assert_int_equal(json_array_size(runs), 1);
	assert_string_equal(json_string_value(at(json_array_get(runs, 0), "id")), "open");
	assert_true(json_is_false(at(json_array_get(runs, 0), "own")));
	json_decref(runs);
	runs = ask(&(struct points_query){.viewer = {.uid = 1000}});
	assert_int_equal(json_array_size(runs), 2);
	json_decref(runs);
	runs = ask(&(struct points_query){.viewer = {.uid = 1001, .all_private = true}});
	assert_int_equal(json_array_size(runs), 0);
	json_decref(runs);
}

static void configs_are_left_out_where_nobody_looks_at_them(void **state) {
	(void)state;
	cut_commit(cut_run("r", 1));
	sql_run(path,
		"INSERT INTO runs_about (run, config) SELECT n, '{\"lr\": 0.5}' FROM runs_data");
	json_t *runs = ask_all();
	assert_true(json_real_value(at(json_array_get(runs, 0), "config.lr")) == 0.5);
	json_decref(runs);
	runs = ask(&(struct points_query){.viewer = {.sees_all = true}, .without_config = true});
	assert_true(json_is_null(at(json_array_get(runs, 0), "config")));
	assert_non_null(at(json_array_get(runs, 0), "point.metrics.l0"));
	json_decref(runs);
}

static void as_a_text_it_is_the_same_document(void **state) {
	(void)state;
	cut_commit(cut_run("a", 2));
	cut_commit(cut_run("b", 3));
	cut_commit(cut_run("c", 0));
	for (int trajectory = 0; trajectory < 2; trajectory++) {
		const struct points_query query = {.viewer = {.sees_all = true},
			.trajectory = trajectory,
			.has_at_time = trajectory == 0,
			.at_time = FIRST_ENDED};
		struct buf text = {0};
		assert_int_equal(points_write(db.sql, &query, SIZE_MAX, &text, words), 0);
		json_t *written = json_loadb((const char *)text.data, text.len, 0, NULL);
		json_t *built = NULL;
		assert_non_null(written);
		assert_int_equal(points_build(db.sql, &query, &built, words), 0);
		assert_true(json_equal(written, built));
		json_decref(written);
		json_decref(built);
		buf_finish(&text);
	}
}

static void a_text_that_is_longer_than_anybody_reads_is_not_written_to_its_end(void **state) {
	(void)state;
	char id[8];
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "r%d", i);
		cut_commit(cut_run(id, 1));
	}
	struct buf text = {0};
	const struct points_query query = {.viewer = {.sees_all = true}};
	assert_int_equal(points_write(db.sql, &query, 3000, &text, words), 0);
	assert_true(text.len > 3000 && text.len < 6000);
	buf_finish(&text);
}

static void a_trajectory_that_is_longer_than_anybody_reads_ends_there_too(void **state) {
	(void)state;
	cut_commit(cut_run("r", 30));
	struct buf text = {0};
	const struct points_query query = {.viewer = {.sees_all = true}, .trajectory = true};
	assert_int_equal(points_write(db.sql, &query, 6000, &text, words), 0);
	assert_true(text.len > 6000 && text.len < 9000);
	buf_finish(&text);
}

static void a_database_that_cannot_be_read_is_told(void **state) {
	(void)state;
	cut_commit(cut_run("r", 1));
	sql_run(path, "DROP TABLE window_means_data");
	json_t *document = NULL;
	const struct points_query query = {.viewer = {.sees_all = true}};
	assert_true(points_build(db.sql, &query, &document, words) < 0);
	assert_non_null(strstr(words, "the database cannot be read: no such table"));
	assert_null(document);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		T(a_point_has_what_the_view_says_of_the_window),
		T(what_was_not_finite_and_what_has_no_column_is_in_it),
		T(a_run_stands_where_its_last_complete_window_does),
		T(a_window_that_was_gone_back_behind_does_not_stand),
		T(at_a_number_of_tokens_the_window_counts_that_had_ended),
		T(a_trajectory_is_all_of_it_oldest_first_and_ends_in_the_point),
		T(of_windows_without_means_the_same_is_added_up_while_the_steps_are_there),
		T(where_steps_are_gone_nothing_is_made_up),
		T(earlier_is_the_last_window_that_had_ended_by_then),
		T(where_a_run_stood_all_the_time_is_not_said_twice),
		T(what_was_gone_back_behind_or_has_a_flaw_was_never_stood_at),
		T(what_was_earlier_is_a_point_of_the_trajectory),
		T(a_private_run_is_in_it_for_its_own_user_alone),
		T(configs_are_left_out_where_nobody_looks_at_them),
		T(as_a_text_it_is_the_same_document),
		T(a_text_that_is_longer_than_anybody_reads_is_not_written_to_its_end),
		T(a_trajectory_that_is_longer_than_anybody_reads_ends_there_too),
		T(a_database_that_cannot_be_read_is_told),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}

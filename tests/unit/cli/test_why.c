/* `sae-metricsd why`: what is seen of runs that went wrong, and of one that did not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "database.h"
#include "render_why.h"
#include "screen.h"
#include "why_document.h"

static const struct look narrow = {80, true, true, false, SCREEN_NOW};
static const struct look wide = {120, true, true, false, SCREEN_NOW};
static const struct look coloured = {80, true, true, true, SCREEN_NOW};
static const struct look ascii = {80, true, false, false, SCREEN_NOW};
static const struct look pipe_look = {0, false, true, false, SCREEN_NOW};

/* A run of 1,200 steps whose losses fall; `more` goes wrong. Five windows of 100 steps can have deaths in them. */
#define RUN(state_)                                                                                \
	"INSERT INTO runs_data (id, name, project, state, attempt, step, dead_feature_window, "    \
	"started, last_seen) VALUES ('aaaa1111', 'clip-l9', 'clip', '" state_                      \
	"', 1, 1199, 300, 1000, 2200);"                                                            \
	"INSERT INTO attempts_data VALUES (1, 1, 'launch', 0, 0, 1000, 'start');"
#define STEPS                                                                                      \
	"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 1199) "          \
	"INSERT INTO steps_data (run, step, attempt, lap, time, n_rows, ranks_missing, mse_loss, " \
	"l1_loss, ghost_grad_loss, overall_loss, l0, explained_variance, current_learning_rate, "  \
	"dead_features, computed, extra) SELECT 1, n, 1, 0, 1000 + n, 64, 0, 1.0 / (n + 10) + "    \
	"0.02 + 0.001 * (n * 7 % 5), 3 + 0.0625 * (n % 3), 0, 1.0 / (n + 10) + 0.0225 + 0.001 * "  \
	"(n * 7 % 5), 40 + n % 4, 0.9 - 0.001 * (n % 7), 0.0004, n / 100, 0, "                     \
	"json_object('grad_norm', "                                                                \
	"0.75 + 0.125 * (n % 3), 'eval/score', n * 0.5) FROM s;"
#define WINDOWS                                                                                    \
	"WITH RECURSIVE w(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM w WHERE n < 11) INSERT "     \
	"INTO windows_data (run, attempt, window, step_first, step_last, step_close, n_steps, "    \
	"n_steps_expected, flaws, n_tokens, d_sae, dead_features, revived, newly_dead, "           \
	"below_1e_5, below_1e_6, never_fired, above_1e_2, above_1e_1, thresholds, "                \
	"n_quantile_features, density_counts) SELECT 1, 1, n, 100 * n, 100 * n + 99, 100 * n + "   \
	"99, 100, 100, 0, 6400, 2048, 12 * n, 3, 5, 0, 0, 20, 0, 0, '[]', 2000, '[]' FROM w;"
#define NAN_RUN                                                                                    \
	RUN("failed")                                                                              \
	STEPS WINDOWS                                                                              \
		"UPDATE runs_data SET exit_code = 1, end_words = 'ValueError: the loss is NaN', "  \
		"step = "                                                                          \
		"910; DELETE FROM steps_data WHERE step > 910; DELETE FROM windows_data WHERE "    \
		"window > "                                                                        \
		"8;"                                                                               \
		"UPDATE steps_data SET extra = json_set(extra, '$.grad_norm', 310.5) WHERE step "  \
		"= 901;"                                                                           \
		"UPDATE steps_data SET extra = json_set(extra, '$.grad_norm', 'NaN'), mse_loss = " \
		"NULL, "                                                                           \
		"overall_loss = NULL, l0 = NULL, non_finite = '{\"mse_loss\": \"NaN\", "           \
		"\"overall_loss\": \"Infinity\", \"l0\": \"NaN\"}' WHERE step >= 904;"             \
		"UPDATE steps_data SET n_nan_acts = 2048 WHERE step >= 903;"                       \
		"INSERT INTO events_data (run, attempt, step, time, kind, text) VALUES (1, 1, "    \
		"880, 1880, "                                                                      \
		"'resample', '412 neurons resampled'), (1, 1, 904, 1904, 'nan', 'mse_loss is "     \
		"NaN'), (1, "                                                                      \
		"1, NULL, 1905, 'dropped', '3 messages'), (1, 1, 12, 1012, 'far', 'away');"        \
		"INSERT INTO marks_data VALUES (1, 1, 1, 800, 1800, 'checkpoint-800', 0, 0, 1);"

static char path[64];
static sqlite3 *sql;

static void make(const char *rows) {
	snprintf(path, sizeof(path), "/tmp/sae-test-why-%d.db", (int)getpid());
	(void)unlink(path);
	database_make(path, rows);
	assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
}

static json_t *ask(const struct why_query *query) {
	json_t *document = NULL;

	assert_int_equal(why_document(sql, query, &document), 0);
	return document;
}

/* Of a database with these rows. */
static json_t *why(const char *rows) {
	static const struct why_query query = {.run = 1, .n_steps = 12};

	make(rows);
	json_t *document = ask(&query);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	assert_int_equal(unlink(path), 0);
	return document;
}

static const char *words_of(const json_t *document, size_t i) {
	return document_text(json_array_get(document_at(document, "observations"), i), "words");
}

static double step_of(const json_t *document, size_t i) {
	return document_count(json_array_get(document_at(document, "observations"), i), "step");
}

static size_t n_observations(const json_t *document) {
	return json_array_size(document_at(document, "observations"));
}

static void check_screen(const json_t *document, const struct look *look, const char *screen) {
	struct page page;

	page_init(&page, look);
	render_why(document, &page);
	screen_check(page_text(&page), screen);
	page_finish(&page);
}

static void a_healthy_run_says_that_nothing_stands_out(void **state) {
	json_t *document = why(RUN("running") STEPS WINDOWS);
	(void)state;

	assert_true(json_is_null(document_at(document, "moment")));
	assert_int_equal(n_observations(document), 0);
	check_screen(document, &narrow, "why_healthy.80");
	json_decref(document);
}

static void a_nan_is_told_with_what_came_before_it(void **state) {
	json_t *document = why(NAN_RUN);
	(void)state;

	assert_int_equal(document_count(document, "moment.step"), 901);
	assert_string_equal(words_of(document, 0),
		"grad_norm rose from 0.75 to 310.5; the median before is 0.875");
	assert_string_equal(words_of(document, 1), "2048 activations are NaN");
	assert_string_equal(words_of(document, 2), "mse_loss became NaN; it was 0.0221 before");
	assert_string_equal(words_of(document, 3), "overall_loss became inf; it was 0.0246 before");
	assert_string_equal(words_of(document, 4), "grad_norm became NaN; it was 0.75 before");
	assert_string_equal(words_of(document, 5),
		"the run failed behind this step: ValueError: the loss is NaN");
	assert_int_equal(n_observations(document), 6);
	assert_int_equal(
		json_array_size(document_at(document, "events")), 4); /* but what was long ago */
	check_screen(document, &narrow, "why_nan.80");
	check_screen(document, &wide, "why_nan.120");
	check_screen(document, &ascii, "why_nan.ascii");
	check_screen(document, &pipe_look, "why_nan.pipe");
	check_screen(document, &coloured, "why_nan.colour");
	json_decref(document);
}

static void the_document_is_strict_json_with_words_for_what_is_no_number(void **state) {
	json_t *document = why(NAN_RUN);
	const json_t *steps = document_at(document, "steps");
	(void)state;

	assert_int_equal(json_array_size(steps), 12);
	const json_t *bad = json_array_get(steps, 9); /* 6 before 901, and 901 … */
	assert_int_equal(document_count(bad, "step"), 904);
	assert_string_equal(document_text(bad, "mse_loss"), "NaN");
	assert_string_equal(document_text(bad, "overall_loss"), "Infinity");
	assert_string_equal(document_text(bad, "grad_norm"), "NaN");
	assert_int_equal(json_array_size(document_at(bad, "unusual")), 5);
	assert_int_equal(document_count(document, "schema"), 1);
	json_decref(document);
}

static void a_spike_of_the_loss_is_where_it_is_looked(void **state) {
	json_t *document = why(RUN("running") STEPS WINDOWS
		"UPDATE steps_data SET mse_loss = 1.5, overall_loss = 1.75 WHERE step IN (700, "
		"701);"
		"UPDATE steps_data SET mse_loss = 2.5 WHERE step = 1100;");
	(void)state;

	assert_int_equal(n_observations(document), 3);
	assert_int_equal(document_count(document, "moment.step"), 700);
	assert_true(strncmp(words_of(document, 0), "mse_loss rose from 0.0", 22) == 0);
	assert_int_equal(step_of(document, 2), 1100);
	check_screen(document, &narrow, "why_spike.80");
	json_decref(document);
}

static void a_wave_of_deaths_is_looked_at_where_those_features_fired_last(void **state) {
	json_t *document = why(RUN("running") STEPS WINDOWS
		"UPDATE windows_data SET newly_dead = 700, dead_features = 800 WHERE window = 9;");
	(void)state;

	assert_int_equal(n_observations(document), 1);
	assert_string_equal(words_of(document, 0),
		"700 features (34.2 %) fired for the last time in steps 599-698: 300 silent steps "
		"later, in window 9, they were dead");
	assert_int_equal(document_count(document, "moment.step"), 599);
	check_screen(document, &narrow, "why_deaths.80");
	json_decref(document);
}

/* Of 700 features, which are the even ones, in a window; and where they are listed. */
#define WAVE(seen_in, last_fired, window, since)                                                   \
	"UPDATE windows_data SET newly_dead = 700, dead_features = 800 WHERE window = " seen_in    \
	";WITH RECURSIVE f(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM f WHERE n < 699) INSERT "   \
	"INTO deaths_data SELECT 1, 1, " window ", 0, " since                                      \
	", (SELECT json_group_array(json_array(2 * n, " last_fired                                 \
	" + n % 100)) FROM f), '[[17,300],[33,340]]';"

static json_t *features_of(const json_t *document, size_t i) {
	return json_object_get(
		json_array_get(document_at(document, "observations"), i), "features");
}

static void the_features_of_a_wave_are_told_by_their_numbers(void **state) {
	json_t *document = why(RUN("running") STEPS WINDOWS WAVE("9", "599", "9",
		"899") "INSERT INTO deaths_data VALUES (1, 1, 10, 0, 999, '[[2047,701]]', "
		       "'[]'), (1, 1, 9, 1, 899, "
		       "'[[1500,598]]', '[[1501,12]]');");
	const json_t *deaths = json_object_get(document, "deaths"),
		     *wave = json_array_get(deaths, 0);
	(void)state;

	json_t *features = features_of(document, 0); /* but for what died before those steps */
	assert_int_equal(json_array_size(features), 700);
	assert_int_equal(json_integer_value(json_array_get(features, 699)), 1398);
	assert_int_equal(json_array_size(deaths), 2);
	assert_int_equal(document_count(wave, "window"), 9);
	assert_int_equal(document_count(wave, "since"), 899);
	assert_int_equal(json_array_size(json_object_get(wave, "died")), 701);
	assert_int_equal(json_array_size(json_object_get(wave, "revived")), 3);
	check_screen(document, &narrow, "why_features.80");
	check_screen(document, &pipe_look, "why_features.pipe");
	json_decref(document);
}

static void features_of_a_window_whose_counts_were_not_kept_stand_with_the_next(void **state) {
	json_t *document = why(RUN("running") STEPS WINDOWS WAVE("9", "599", "11", "799"));
	(void)state;

	assert_int_equal(json_array_size(features_of(document, 0)), 700);
	assert_int_equal(json_array_size(json_object_get(document, "deaths")), 1);
	check_screen(document, &narrow, "why_features_later.80");
	json_decref(document);
}

static void features_of_a_wave_that_is_not_the_moment_are_told_with_it(void **state) {
	json_t *document = why(RUN("crashed") STEPS WINDOWS WAVE("5", "199", "5", "499"));
	(void)state;

	assert_int_equal(document_count(document, "moment.step"), 1199);
	assert_int_equal(json_array_size(json_object_get(document, "deaths")), 0);
	check_screen(document, &narrow, "why_features_apart.80");
	json_decref(document);
}

static void without_a_list_of_them_features_are_not_known(void **state) {
	json_t *document = why(RUN("running") STEPS WINDOWS
		"UPDATE windows_data SET newly_dead = 700, dead_features = 800 WHERE window = 9;");
	(void)state;

	assert_true(json_is_null(features_of(document, 0)));
	assert_int_equal(json_array_size(json_object_get(document, "deaths")), 0);
	json_decref(document);
}

static void a_crash_is_looked_at_where_it_ended(void **state) {
	json_t *document = why(RUN("crashed") STEPS WINDOWS);
	(void)state;

	assert_int_equal(n_observations(document), 1);
	assert_int_equal(document_count(document, "moment.step"), 1199);
	assert_string_equal(words_of(document, 0), "the run crashed behind this step");
	assert_int_equal(json_array_size(document_at(document, "steps")), 12);
	check_screen(document, &narrow, "why_crash.80");
	json_decref(document);
}

static void a_crash_says_more_than_a_spike_long_before(void **state) {
	json_t *document =
		why(RUN("crashed") STEPS "UPDATE steps_data SET mse_loss = 1.5 WHERE step = 300;");
	(void)state;

	assert_int_equal(n_observations(document), 2);
	assert_int_equal(document_count(document, "moment.step"), 1199);
	json_decref(document);
}

static void a_run_that_never_had_a_loss_says_so(void **state) {
	json_t *document = why(RUN("running") STEPS
		"UPDATE steps_data SET mse_loss = NULL, non_finite = '{\"mse_loss\": \"NaN\"}';");
	(void)state;

	assert_int_equal(n_observations(document), 1);
	assert_int_equal(step_of(document, 0), 0);
	assert_string_equal(words_of(document, 0), "mse_loss is NaN from its first step on");
	check_screen(document, &narrow, "why_first.80");
	json_decref(document);
}

static void steps_that_are_missing_are_told(void **state) {
	json_t *document =
		why(RUN("running") STEPS "DELETE FROM steps_data WHERE step BETWEEN 500 AND 504;");
	(void)state;

	assert_int_equal(n_observations(document), 1);
	assert_int_equal(step_of(document, 0), 505);
	assert_string_equal(words_of(document, 0), "steps 500-504 are missing before it");
	json_decref(document);
}

static void steps_that_retention_took_are_no_gap(void **state) {
	json_t *document = why(RUN("running") STEPS
		"DELETE FROM steps_data WHERE step BETWEEN 100 AND 600 AND step % 7 <> 0;"
		"INSERT INTO removed_data VALUES (1, 0, 601, 1, 600, 1600, 430, 2000, 'steps = "
		"90d');");
	(void)state;

	assert_int_equal(n_observations(document), 0);
	assert_int_equal(document_count(document, "looked_at.removed_through"), 600);
	json_decref(document);
}

static void each_attempt_is_looked_at_by_itself(void **state) {
	json_t *document = why(RUN("running") STEPS
		"INSERT INTO attempts_data VALUES (1, 2, 'again', 0, 800, 2000, 'mark');"
		"UPDATE runs_data SET attempt = 2;"
		"INSERT INTO steps_data (run, step, attempt, lap, n_rows, ranks_missing, mse_loss, "
		"computed) SELECT run, step, 2, lap, n_rows, 0, 50 * mse_loss, 0 FROM steps_data "
		"WHERE step >= 800;"
		"UPDATE steps_data SET mse_loss = NULL, non_finite = '{\"mse_loss\": \"NaN\"}' "
		"WHERE attempt = 1 AND step = 900;");
	(void)state;

	assert_int_equal(
		n_observations(document), 1); /* what is usual of one is not of the other */
	assert_int_equal(document_count(document, "moment.attempt"), 1);
	assert_int_equal(document_count(document, "moment.step"), 900);
	json_decref(document);
}

static void a_run_without_steps_has_its_end(void **state) {
	json_t *document = why(RUN("failed") "UPDATE runs_data SET step = NULL;");
	(void)state;

	assert_int_equal(n_observations(document), 1);
	check_screen(document, &narrow, "why_empty.80");
	json_decref(document);
}

static void one_may_look_where_one_wants(void **state) {
	struct why_query query = {.run = 1, .n_steps = 4, .has_at = true, .at = 333};
	(void)state;

	make(RUN("running") STEPS WINDOWS);
	json_t *document = ask(&query);
	assert_int_equal(document_count(document, "moment.step"), 333);
	const json_t *steps = document_at(document, "steps");
	assert_int_equal(json_array_size(steps), 4);
	assert_int_equal(document_count(json_array_get(steps, 0), "step"), 331);
	json_decref(document);

	query.at = 5000; /* behind the end */
	document = ask(&query);
	assert_true(json_is_null(document_at(document, "moment")));
	json_decref(document);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	assert_int_equal(unlink(path), 0);
}

static void more_than_can_be_told_is_counted(void **state) {
	json_t *document = why(RUN("running") STEPS
		"UPDATE steps_data SET mse_loss = NULL, l1_loss = NULL, ghost_grad_loss = NULL, "
		"overall_loss = NULL, non_finite = '{\"mse_loss\": \"NaN\", \"l1_loss\": \"NaN\", "
		"\"overall_loss\": \"NaN\"}' WHERE step % 2 = 1;");
	(void)state;

	assert_int_equal(n_observations(document), 1000);
	assert_int_equal(document_count(document, "observations_left_out"), 800);
	json_decref(document);
}

static void what_there_is_much_of_does_not_hide_what_came_later(void **state) {
	json_t *document = why(RUN("running") STEPS
		"UPDATE steps_data SET step = 100000 + 10 * step WHERE step > 31;"
		"WITH RECURSIVE s(n) AS (SELECT 200000 UNION ALL SELECT n + 10 FROM s WHERE n < "
		"202000) INSERT INTO steps_data (run, step, attempt, lap, n_rows, ranks_missing, "
		"mse_loss, computed, non_finite) SELECT 1, n, 1, 0, 64, 0, NULL, 0, "
		"'{\"mse_loss\": \"NaN\"}' FROM s;");
	(void)state;

	assert_int_equal(document_count(document, "moment.step"), 200000);
	assert_true(document_count(document, "observations_left_out") > 0);
	json_decref(document);
}

/* A trainer may call a number of its own as it likes. */
static void a_number_by_the_name_of_a_column_takes_no_place_of_it(void **state) {
	json_t *document = why(NAN_RUN "UPDATE steps_data SET extra = json_set(extra, '$.step', "
				       "-0.5, '$.l0', 9e15) WHERE step < 903;");
	(void)state;

	const json_t *row = json_array_get(document_at(document, "steps"), 0);
	assert_int_equal(document_count(row, "step"), 895);
	assert_true(document_count(row, "l0") < 50);
	assert_true(document_count(document, "curves.series.l0.max") < 50);
	json_decref(document);
}

static const char *look_of(const json_t *document, const struct look *look, struct page *page) {
	page_init(page, look);
	render_why(document, page);
	return page_text(page);
}

static const char *screen_of(const json_t *document, struct page *page) {
	return look_of(document, &wide, page);
}

static void a_number_that_only_some_steps_have_is_a_column(void **state) {
	json_t *document = why(NAN_RUN "UPDATE steps_data SET extra = CASE WHEN step % 2 = 0 THEN "
				       "json_object('grad_norm', 310.5, 'own', step) END;");
	struct page page;
	(void)state;

	assert_null(
		json_object_get(json_array_get(document_at(document, "steps"), 0), "grad_norm"));
	assert_non_null(strstr(screen_of(document, &page), "grad_norm"));
	assert_non_null(strstr(page_text(&page), " own"));
	page_finish(&page);
	json_decref(document);
}

/* They are no columns where they are finite either. */
static void sums_that_are_not_finite_are_no_columns(void **state) {
	json_t *document = why(NAN_RUN
		"UPDATE steps_data SET non_finite = '{\"mse_loss\": \"NaN\", \"l2_sum\": \"NaN\", "
		"\"explained_variance_std\": \"NaN\", \"own\": \"NaN\"}' WHERE step >= 890;");
	const json_t *row = json_array_get(document_at(document, "steps"), 0);
	struct page page;
	(void)state;

	assert_string_equal(document_text(row, "own"), "NaN");
	assert_null(json_object_get(row, "l2_sum"));
	assert_null(strstr(screen_of(document, &page), "l2_sum"));
	assert_null(strstr(page_text(&page), "explained_variance_std"));
	page_finish(&page);
	json_decref(document);
}

/* Though it has the name of a column of the view. */
static void a_number_that_is_called_as_a_sum_is_the_trainers_own(void **state) {
	json_t *document = why(NAN_RUN "UPDATE steps_data SET extra = json_object('l2_sum', 7);");
	(void)state;

	assert_int_equal(
		document_count(json_array_get(document_at(document, "steps"), 0), "l2_sum"), 7);
	json_decref(document);
}

/* Of more numbers than there are columns for it is the last to go. */
static void the_norm_of_the_gradient_has_its_column_beside_many(void **state) {
	char numbers[1024] = "'$.a', 0";
	struct page page;
	(void)state;

	for (size_t i = 0; i < 40; i++) {
		snprintf(numbers + strlen(numbers), sizeof numbers - strlen(numbers),
			", '$.a%02zu', 1", i);
	}
	char *rows =
		sqlite3_mprintf("%s UPDATE steps_data SET extra = json_set(json_set('{}', %s), "
				"'$.grad_norm', 2);",
			NAN_RUN, numbers);
	json_t *document = why(rows);
	assert_non_null(strstr(look_of(document, &pipe_look, &page), "grad_norm"));
	assert_non_null(strstr(page_text(&page), "a22"));
	assert_null(strstr(page_text(&page), "a23"));
	page_finish(&page);
	json_decref(document);
	sqlite3_free(rows);
}

static void words_that_are_too_long_end_in_a_whole_character(void **state) {
	json_t *document = why(RUN("failed") STEPS
		"UPDATE runs_data SET end_words = 'a' || replace(hex(zeroblob(600)), '00', 'é');"
		"UPDATE steps_data SET extra = json_object('grad_norm_' || "
		"replace(hex(zeroblob(57)), '00', 'é') || 'abcd', CASE WHEN step = 700 THEN 900 "
		"ELSE 1 "
		"END);");
	(void)state;

	assert_non_null(strstr(words_of(document, n_observations(document) - 1), "éé"));
	assert_int_equal(document_count(document, "moment.step"), 1199);
	assert_int_equal(strlen(document_text(document, "looked_at.gradient")), 128);
	assert_int_equal(step_of(document, 0), 700);
	json_decref(document);
}

static void names_reach_no_terminal_with_an_escape(void **state) {
	json_t *document = why(NAN_RUN
		"UPDATE runs_data SET name = 'a' || char(27) || '[2J', end_words = char(27) || 'c' "
		"|| char(8238) || 'x';"
		"UPDATE steps_data SET extra = json_set(extra, '$.\"\x1b[31m\"', 5);");
	struct page page;
	(void)state;

	page_init(&page, &narrow);
	render_why(document, &page);
	assert_null(strchr(page_text(&page), '\033'));
	assert_null(strstr(page_text(&page), "\xe2\x80\xae"));
	page_finish(&page);
	json_decref(document);
}

static void no_line_is_wider_than_its_screen(void **state) {
	json_t *document = why(NAN_RUN);
	(void)state;

	for (unsigned width = 1; width < 200; width++) {
		struct look look = {width, true, width % 2 == 0, false, SCREEN_NOW};
		struct page page;
		page_init(&page, &look);
		render_why(document, &page);
		char *text = strdup(page_text(&page)), *rest = NULL;
		for (char *line = strtok_r(text, "\n", &rest); line;
			line = strtok_r(NULL, "\n", &rest)) {
			assert_true(glyph_columns(line, look.utf8) <= width);
		}
		free(text);
		page_finish(&page);
	}
	json_decref(document);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_run_says_that_nothing_stands_out),
		cmocka_unit_test(a_nan_is_told_with_what_came_before_it),
		cmocka_unit_test(the_document_is_strict_json_with_words_for_what_is_no_number),
		cmocka_unit_test(a_spike_of_the_loss_is_where_it_is_looked),
		cmocka_unit_test(a_wave_of_deaths_is_looked_at_where_those_features_fired_last),
		cmocka_unit_test(the_features_of_a_wave_are_told_by_their_numbers),
		cmocka_unit_test(
			features_of_a_window_whose_counts_were_not_kept_stand_with_the_next),
		cmocka_unit_test(features_of_a_wave_that_is_not_the_moment_are_told_with_it),
		cmocka_unit_test(without_a_list_of_them_features_are_not_known),
		cmocka_unit_test(a_crash_is_looked_at_where_it_ended),
		cmocka_unit_test(a_crash_says_more_than_a_spike_long_before),
		cmocka_unit_test(a_run_that_never_had_a_loss_says_so),
		cmocka_unit_test(steps_that_are_missing_are_told),
		cmocka_unit_test(steps_that_retention_took_are_no_gap),
		cmocka_unit_test(each_attempt_is_looked_at_by_itself),
		cmocka_unit_test(a_run_without_steps_has_its_end),
		cmocka_unit_test(one_may_look_where_one_wants),
		cmocka_unit_test(more_than_can_be_told_is_counted),
		cmocka_unit_test(what_there_is_much_of_does_not_hide_what_came_later),
		cmocka_unit_test(a_number_by_the_name_of_a_column_takes_no_place_of_it),
		cmocka_unit_test(a_number_that_only_some_steps_have_is_a_column),
		cmocka_unit_test(sums_that_are_not_finite_are_no_columns),
		cmocka_unit_test(a_number_that_is_called_as_a_sum_is_the_trainers_own),
		cmocka_unit_test(the_norm_of_the_gradient_has_its_column_beside_many),
		cmocka_unit_test(words_that_are_too_long_end_in_a_whole_character),
		cmocka_unit_test(names_reach_no_terminal_with_an_escape),
		cmocka_unit_test(no_line_is_wider_than_its_screen),
	};

	setenv("TZ", "UTC", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}

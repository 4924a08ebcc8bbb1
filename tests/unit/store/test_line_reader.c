#include "line_reader.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static sqlite3 *sql;
static struct run_cut *cut;

static int setup(void **state) {
	(void)rig_setup(state);
	assert_int_equal(sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cut = cut_create("run1", 1);
	return 0;
}

static int teardown(void **state) {
	cuts_destroy(cut);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	return rig_teardown(state);
}

/* Commits what the cut has gathered, and begins the next one of the same run. */
static void commit(void) {
	uint32_t attempt = cut->row.attempt;

	cut_commit(cut);
	cut = cut_create("run1", 2);
	cut->row.attempt = attempt;
}

static void entry_set(struct change_line *line, uint32_t at, const char *key,
	enum line_source source, struct value value) {
	line->entries[at] = (struct line_entry){.key = key, .source = source, .value = value};
}

/* A line with one value of the trainer's metrics. */
static struct change_line *simple_line(int64_t line, uint32_t step) {
	struct change_line *l = cut_line(cut, line, step, 1);

	entry_set(l, 0, "losses/mse_loss", LINE_METRICS, value_float(step * 0.5));
	return l;
}

static struct line_query everything(void) {
	return (struct line_query){
		.run = 1,
		.with_ours = true,
		.after_line = -1,
		.after_step = -1,
		.through_line = INT64_MAX,
	};
}

static struct line_reader *reader_of(struct line_query query) {
	struct line_reader *r = NULL;

	assert_int_equal(line_reader_open(sql, &query, &r), 0);
	return r;
}

/* The next line's step, or -1 at the end. */
static int64_t next_step(struct line_reader *r) {
	const struct change_line *line = NULL;
	int result = line_reader_next(r, &line);

	assert_in_range(result, LINE_END, LINE_READ);
	return result == LINE_END ? -1 : (int64_t)line->step;
}

static const struct line_entry *entry_of(const struct change_line *line, const char *key) {
	for (uint32_t i = 0; i < line->n_entries; i++) {
		if (strcmp(line->entries[i].key, key) == 0) {
			return &line->entries[i];
		}
	}
	fail_msg("the line has no %s", key);
	return NULL;
}

static double number_of(const struct change_line *line, const char *key) {
	const struct line_entry *e = entry_of(line, key);

	assert_int_equal(e->value.kind, VALUE_FLOAT);
	return e->value.number;
}

static void a_value_comes_back_as_what_it_was(void **state) {
	static const double counts[] = {3, 0, 1}, edges[] = {-1.5, 0, 0.1, 1e300};
	const struct value histogram = {.kind = VALUE_HISTOGRAM, .histogram = {3, counts, edges}};
	const struct change_line *line = NULL;
	(void)state;
	struct change_line *l = cut_line(cut, 0, 40, 8);
	entry_set(l, 0, "float", LINE_METRICS, value_float(0.1));
	entry_set(l, 1, "whole float", LINE_METRICS, value_float(3));
	entry_set(l, 2, "integer", LINE_METRICS, value_int(INT64_MAX));
	entry_set(l, 3, "nan", LINE_LOG, value_float(NAN));
	entry_set(l, 4, "inf", LINE_LOG, value_float(INFINITY));
	entry_set(l, 5, "-inf", LINE_LOG, value_float(-INFINITY));
	entry_set(l, 6, "text", LINE_LOG, value_text("so \"said\""));
	entry_set(l, 7, "histogram", LINE_SPARSITY, histogram);
	commit();

	struct line_reader *r = reader_of(everything());
	assert_int_equal(line_reader_next(r, &line), LINE_READ);
	assert_int_equal(line->line, 0);
	assert_int_equal(line->step, 40);
	assert_true(line->elapsed_s == 4.0 && line->time > 1e9);
	assert_int_equal(line->n_entries, 8);
	assert_true(number_of(line, "float") == 0.1);
	assert_true(number_of(line, "whole float") == 3);
	assert_int_equal(entry_of(line, "integer")->value.kind, VALUE_INT);
	assert_true(entry_of(line, "integer")->value.integer == INT64_MAX);
	assert_true(isnan(number_of(line, "nan")));
	assert_true(number_of(line, "inf") == INFINITY && number_of(line, "-inf") == -INFINITY);
	assert_int_equal(entry_of(line, "text")->value.kind, VALUE_TEXT);
	assert_string_equal(entry_of(line, "text")->value.text.data, "so \"said\"");
	const struct value *h = &entry_of(line, "histogram")->value;
	assert_int_equal(h->kind, VALUE_HISTOGRAM);
	assert_int_equal(h->histogram.n_bins, 3);
	assert_memory_equal(h->histogram.counts, counts, sizeof counts);
	assert_memory_equal(h->histogram.edges, edges, sizeof edges);
	assert_int_equal(entry_of(line, "histogram")->source, LINE_SPARSITY);
	assert_int_equal(line_reader_next(r, &line), LINE_END);
	line_reader_close(r);
}

static void lines_come_in_the_order_they_were_closed(void **state) {
	enum { N_LINES = 1025 }; /* four readings ahead, and one line */
	(void)state;
	for (int64_t i = 0; i < N_LINES; i++) {
		simple_line(i, (uint32_t)i * 10);
	}
	commit();

	struct line_reader *r = reader_of(everything());
	for (int64_t i = 0; i < N_LINES; i++) {
		assert_int_equal(next_step(r), i * 10);
	}
	assert_int_equal(next_step(r), -1);
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

static void a_run_that_went_back_goes_on_where_it_had_been(void **state) {
	(void)state;
	simple_line(0, 10);
	simple_line(1, 20);
	simple_line(2, 30);
	cut_attempt(cut, 2, 11);
	simple_line(3, 20);
	simple_line(4, 30);
	simple_line(5, 40);
	commit();

	struct line_reader *r = reader_of(everything());
	assert_int_equal(next_step(r), 10);
	assert_int_equal(next_step(r), 20);
	assert_int_equal(next_step(r), 30);
	assert_int_equal(next_step(r), 40);
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

static void what_came_behind_its_line_is_no_line(void **state) {
	(void)state;
	simple_line(LINE_NONE, 5);
	simple_line(0, 10);
	simple_line(LINE_NONE, 7);
	commit();

	struct line_reader *r = reader_of(everything());
	assert_int_equal(next_step(r), 10);
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

static void lines_of_other_runs_are_not_mixed_in(void **state) {
	(void)state;
	simple_line(0, 10);
	commit();
	cuts_destroy(cut);
	cut = cut_create("run2", 1);
	simple_line(0, 70);
	commit();

	struct line_query query = everything();
	query.run = 2;
	struct line_reader *r = reader_of(query);
	assert_int_equal(next_step(r), 70);
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

/* A line with a metric of the trainer's and one of ours. */
static void mixed_line(int64_t line, uint32_t step) {
	struct change_line *l = cut_line(cut, line, step, 2);

	entry_set(l, 0, "metrics/l0", LINE_METRICS, value_float(58));
	entry_set(l, 1, "metrics/fvu", LINE_OURS, value_float(0.1));
}

static void our_metrics_can_stay_out(void **state) {
	const struct change_line *line = NULL;
	(void)state;
	mixed_line(0, 10);
	commit();

	struct line_reader *r = reader_of(everything());
	assert_int_equal(line_reader_next(r, &line), LINE_READ);
	assert_int_equal(line->n_entries, 2);
	assert_false(line_reader_left_out(r, "metrics/fvu"));
	line_reader_close(r);

	struct line_query query = everything();
	query.with_ours = false;
	r = reader_of(query);
	assert_int_equal(line_reader_next(r, &line), LINE_READ);
	assert_int_equal(line->n_entries, 1);
	assert_string_equal(line->entries[0].key, "metrics/l0");
	assert_true(line_reader_left_out(r, "metrics/fvu"));
	assert_false(line_reader_left_out(r, "metrics/l0"));
	line_reader_close(r);
}

static void a_line_of_ours_alone_is_none_without_them(void **state) {
	const struct change_line *line = NULL;
	(void)state;
	simple_line(0, 10);
	entry_set(cut_line(cut, 1, 20, 1), 0, "metrics/fvu", LINE_OURS, value_float(0.1));
	cut_attempt(cut, 2, 20);
	simple_line(2, 20); /* the first of its step, then */
	commit();

	struct line_query query = everything();
	query.with_ours = false;
	struct line_reader *r = reader_of(query);
	assert_int_equal(next_step(r), 10);
	assert_int_equal(line_reader_next(r, &line), LINE_READ);
	assert_int_equal(line->step, 20);
	assert_int_equal(line->line, 2);
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

static void a_line_of_wandbs_own_keys_alone_is_none(void **state) {
	const struct change_line *line = NULL;
	(void)state;
	entry_set(cut_line(cut, 0, 10, 1), 0, "_step", LINE_LOG, value_int(7));
	struct change_line *l = cut_line(cut, 1, 20, 2);
	entry_set(l, 0, "_timestamp", LINE_LOG, value_int(7));
	entry_set(l, 1, "loss", LINE_LOG, value_int(7));
	commit();

	struct line_reader *r = reader_of(everything());
	assert_int_equal(line_reader_next(r, &line), LINE_READ);
	assert_int_equal(line->step, 20);
	assert_int_equal(line->n_entries, 1);
	assert_string_equal(line->entries[0].key, "loss");
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

static void a_key_of_ours_that_the_trainer_logs_later_is_the_trainers(void **state) {
	(void)state;
	mixed_line(0, 10);
	entry_set(cut_line(cut, 1, 20, 1), 0, "metrics/fvu", LINE_LOG, value_float(0.2));
	commit();

	struct line_query query = everything();
	query.with_ours = false;
	struct line_reader *r = reader_of(query);
	assert_int_equal(next_step(r), 10);
	assert_true(line_reader_left_out(r, "metrics/fvu"));
	assert_int_equal(next_step(r), 20);
	assert_false(line_reader_left_out(r, "metrics/fvu"));
	line_reader_close(r);
}

static void reading_goes_on_behind_a_line_and_a_step_and_ends_where_told(void **state) {
	(void)state;
	for (int64_t i = 0; i < 10; i++) {
		simple_line(i, (uint32_t)i * 10);
	}
	commit();

	struct line_query query = everything();
	query.after_line = 3;
	query.after_step = 50;
	query.through_line = 7;
	struct line_reader *r = reader_of(query);
	assert_int_equal(next_step(r), 60);
	assert_int_equal(next_step(r), 70);
	assert_int_equal(next_step(r), -1);
	line_reader_close(r);
}

static void the_newest_line_is_known_before_they_are_read(void **state) {
	int64_t newest = 0;
	(void)state;
	simple_line(LINE_NONE, 5);
	commit();
	assert_int_equal(line_reader_newest(sql, 1, &newest), 0);
	assert_int_equal(newest, -1);

	simple_line(0, 10);
	simple_line(1, 20);
	commit();
	assert_int_equal(line_reader_newest(sql, 1, &newest), 0);
	assert_int_equal(newest, 1);
}

static void a_reading_that_takes_its_time_pins_no_log(void **state) {
	bool pinned = true;
	(void)state;
	simple_line(0, 10);
	simple_line(1, 20);
	commit();

	struct line_reader *r = reader_of(everything());
	assert_int_equal(next_step(r), 10);
	simple_line(2, 30);
	commit();
	assert_int_equal(db_checkpoint(&db, &pinned), 0);
	assert_false(pinned);
	assert_int_equal(next_step(r), 20);
	line_reader_close(r);
}

static void a_histogram_that_is_none_is_damage(void **state) {
	static const char *const flaws[] = {
		"\"values\" = 'no list'",
		"\"values\" = '[]'",
		"\"values\" = '[1, \"two\"]'",
		"bins = '[1, 2]'",
		"bins = '{}'",
	};
	static const double counts[] = {1, 2}, edges[] = {1, 2, 3};
	const struct value histogram = {.kind = VALUE_HISTOGRAM, .histogram = {2, counts, edges}};
	const struct change_line *line = NULL;
	(void)state;

	for (uint32_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
		char update[128];
		entry_set(cut_line(cut, i, i, 1), 0, "plots/h", LINE_LOG, histogram);
		commit();
		snprintf(update, sizeof update, "UPDATE histograms_data SET %s WHERE step = %u",
			flaws[i], i);
		sql_run(path, update);

		struct line_query query = everything();
		query.after_step = (int64_t)i - 1;
		struct line_reader *r = reader_of(query);
		assert_int_equal(line_reader_next(r, &line), -EBADMSG);
		line_reader_close(r);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_value_comes_back_as_what_it_was),
		TEST(lines_come_in_the_order_they_were_closed),
		TEST(a_run_that_went_back_goes_on_where_it_had_been),
		TEST(what_came_behind_its_line_is_no_line),
		TEST(lines_of_other_runs_are_not_mixed_in),
		TEST(our_metrics_can_stay_out),
		TEST(a_line_of_ours_alone_is_none_without_them),
		TEST(a_line_of_wandbs_own_keys_alone_is_none),
		TEST(a_key_of_ours_that_the_trainer_logs_later_is_the_trainers),
		TEST(reading_goes_on_behind_a_line_and_a_step_and_ends_where_told),
		TEST(the_newest_line_is_known_before_they_are_read),
		TEST(a_reading_that_takes_its_time_pins_no_log),
		TEST(a_histogram_that_is_none_is_damage),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lines for W&B: decided with the commit that closes them, and moved on by visits. */
#include "spool.h"

#include <errno.h>
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

static struct run_cut *forwarded_cut(uint64_t applied) {
	struct run_cut *cut = cut_create("r", applied);
	cut->row.forwards = cut->row.forwards_ours = cut->row.log_to_wandb = true;
	cut->row.forward_summary_json = "{\"a\":1}";
	return cut;
}

static void put_line(struct run_cut *cut, int64_t line, uint32_t step) {
	struct change_line *l = cut_line(cut, line, step, 1);
	l->entries[0] = (struct line_entry){"a", LINE_LOG, value_float(step + 0.5)};
}

/* Commits it and says how many lines are decided. */
static int64_t commit(struct run_cut *cut) {
	struct batch batch;
	batch_init(&batch);
	batch_put(&batch, cut);
	assert_int_equal(commit_batch(&committer, &batch), 0);
	int64_t lines = cut->forward_lines;
	batch_clear(&batch);
	return lines;
}

/* Steps first … first + n − 1. */
static void commit_lines(uint32_t first, uint32_t n) {
	struct run_cut *cut = forwarded_cut(first + 1);
	for (uint32_t i = 0; i < n; i++) {
		put_line(cut, first + i, first + i);
	}
	commit(cut);
}

/* As a courier does before its first line. */
static void fix_base(void) {
	struct forward_visit *v = forward_visit_create("r");
	if (spool_visit(&db, v) == 0 && !v->cursor.has_base) {
		v->save = FORWARD_SAVE_BASE;
		assert_int_equal(spool_visit(&db, v), 0);
	}
	forward_visit_destroy(v);
}

static struct forward_visit *visit(struct forward_visit *v, int expected) {
	if (v == NULL) {
		fix_base();
		v = forward_visit_create("r");
		v->lines_max = 100;
		v->bytes_max = 1u << 20;
	}
	buf_clear(&v->content);
	assert_int_equal(spool_visit(&db, v), expected);
	return v;
}

static const char *content(struct forward_visit *v) {
	return buf_text(&v->content);
}

static void a_line_is_decided_with_the_commit_that_closes_it(void **state) {
	(void)state;
	struct run_cut *cut = forwarded_cut(1);
	put_line(cut, 0, 0);
	put_line(cut, 1, 10);
	assert_int_equal(commit(cut), 2);
	struct forward_visit *v = visit(NULL, 0);
	assert_int_equal(v->lines, 2);
	assert_int_equal(v->n_lines, 2);
	assert_int_equal(v->last.step, 10);
	assert_string_equal(content(v), "\"{\\\"a\\\":0.5,\\\"_step\\\":0,\\\"_runtime\\\":0,\\\"_"
					"timestamp\\\":1700000000}\","
					"\"{\\\"a\\\":10.5,\\\"_step\\\":10,\\\"_runtime\\\":1,"
					"\\\"_timestamp\\\":1700000001}\"");
	forward_visit_destroy(v);
}

static void a_run_that_stays_local_has_no_lines(void **state) {
	(void)state;
	struct run_cut *cut = cut_create("r", 1);
	put_line(cut, 0, 0);
	assert_int_equal(commit(cut), -1);
	forward_visit_destroy(visit(NULL, -ENOENT));
	struct forward_visit *v = forward_visit_create("nobody");
	forward_visit_destroy(visit(v, -ENOENT));
}

static void an_attempt_adds_only_what_lies_behind_the_last_line(void **state) {
	(void)state;
	commit_lines(0, 10);
	struct run_cut *cut = forwarded_cut(20);
	cut->row.attempt = 2;
	for (uint32_t i = 0; i < 10; i++) {
		put_line(cut, 10 + i, 5 + i);
	}
	assert_int_equal(commit(cut), 15);
	assert_string_equal(
		sql_text(path, "SELECT group_concat(line || ':' || step) FROM "
			       "(SELECT * FROM forward_lines WHERE line >= 9 ORDER BY line)"),
		"9:9,10:10,11:11,12:12,13:13,14:14");
}

static void a_late_log_and_a_line_of_ours_alone_get_no_number(void **state) {
	(void)state;
	struct run_cut *cut = forwarded_cut(1);
	cut->row.forwards_ours = false;
	put_line(cut, LINE_NONE, 3);
	struct change_line *l = cut_line(cut, 0, 4, 1);
	l->entries[0] = (struct line_entry){"ours", LINE_OURS, value_float(1)};
	assert_int_equal(commit(cut), 0);
	assert_int_equal(commit(forwarded_cut(2)), 0);
}

static void numbers_go_on_after_a_restart(void **state) {
	(void)state;
	commit_lines(0, 3);
	committer_finish(&committer);
	committer_init(&committer, &db, &slots);
	struct run_cut *cut = forwarded_cut(9);
	put_line(cut, 3, 2); /* has its line */
	put_line(cut, 4, 3);
	put_line(cut, 5, 4);
	commit(cut);
	assert_string_equal(sql_text(path, "SELECT lines || ' ' || pending FROM forwards"), "5 5");
}

static void what_is_accepted_is_not_kept(void **state) {
	(void)state;
	commit_lines(0, 5);
	struct forward_visit *v = visit(NULL, 0);
	v->save = FORWARD_SAVE_CURSOR;
	v->cursor.has_base = v->cursor.has_step = true;
	v->cursor.accepted = 3;
	v->cursor.step = 2;
	v->cursor.time = 17.5;
	v->cursor.url = strdup("https://w/1");
	v->cursor.told = UINT32_MAX;
	visit(v, 0);
	assert_int_equal(v->first, 3);
	assert_int_equal(v->n_lines, 2);
	forward_visit_destroy(v);
	assert_string_equal(sql_text(path, "SELECT min(line) FROM forward_lines"), "3");
	v = visit(NULL, 0);
	assert_true(v->cursor.has_base && v->cursor.has_step);
	assert_int_equal(v->cursor.step, 2);
	assert_true(v->cursor.time == 17.5);
	assert_string_equal(v->cursor.url, "https://w/1");
	assert_true(v->cursor.told == UINT32_MAX);
	forward_visit_destroy(v);
}

static void a_batch_is_as_large_as_asked_but_never_empty(void **state) {
	(void)state;
	commit_lines(0, 5);
	fix_base();
	struct forward_visit *v = forward_visit_create("r");
	v->lines_max = 100;
	v->bytes_max = 1;
	visit(v, 0);
	assert_int_equal(v->n_lines, 1);
	v->bytes_max = 180;
	visit(v, 0);
	assert_int_equal(v->n_lines, 2);
	v->bytes_max = 10000;
	v->lines_max = 4;
	visit(v, 0);
	assert_int_equal(v->n_lines, 4);
	forward_visit_destroy(v);
}

static void fixing_the_base_skips_the_steps_that_are_there(void **state) {
	(void)state;
	commit_lines(0, 10);
	struct forward_visit *v = visit(NULL, 0);
	v->save = FORWARD_SAVE_BASE;
	v->server_lines = 100;
	v->server_step = 6;
	snprintf(v->event, sizeof v->event, "went on");
	visit(v, 0);
	assert_int_equal(v->cursor.accepted, 7);
	assert_int_equal(v->cursor.skipped, 7);
	assert_int_equal(v->cursor.base + v->first, 100); /* the number of the next line */
	assert_int_equal(v->n_lines, 3);
	forward_visit_destroy(v);
	assert_string_equal(
		sql_text(path, "SELECT text FROM events WHERE kind = 'forward'"), "went on");
}

static int64_t skipped_when_it_has(int64_t step) {
	struct forward_visit *v = visit(forward_visit_create("r"), 0);
	v->lines_max = 100;
	v->bytes_max = 1u << 20;
	int64_t before = v->cursor.skipped;
	v->save = FORWARD_SAVE_BASE;
	v->server_lines = step + 1;
	v->server_step = step;
	visit(v, 0);
	assert_int_equal(v->cursor.base + v->first, step + 1);
	int64_t skipped = v->cursor.skipped - before;
	forward_visit_destroy(v);
	return skipped;
}

static void none_some_or_all_lines_are_of_steps_it_has(void **state) {
	(void)state;
	commit_lines(0, 5);
	assert_int_equal(skipped_when_it_has(-1), 0);
	assert_int_equal(skipped_when_it_has(0), 1);
	assert_int_equal(skipped_when_it_has(4), 4);
	assert_int_equal(skipped_when_it_has(9), 0); /* there are none left */
	commit_lines(5, 2);
	assert_int_equal(skipped_when_it_has(9), 2);
}

static void steps_that_are_there_are_skipped_also_when_they_come_later(void **state) {
	(void)state;
	commit_lines(0, 2);
	struct forward_visit *v = visit(NULL, 0);
	v->save = FORWARD_SAVE_BASE;
	v->server_lines = 100;
	v->server_step = 6;
	visit(v, 0);
	assert_int_equal(v->n_lines, 0);
	commit_lines(2, 3);
	v->save = FORWARD_SAVE_NOTHING;
	visit(v, 0);
	assert_int_equal(v->n_lines, 0);
	assert_int_equal(v->cursor.skipped, 5);
	forward_visit_destroy(v);
	assert_string_equal(sql_text(path, "SELECT count(*) FROM forward_lines"), "0");
	commit_lines(5, 4);
	v = visit(NULL, 0); /* as after a restart */
	assert_int_equal(v->cursor.skipped, 7);
	assert_int_equal(v->n_lines, 2);
	assert_int_equal(v->cursor.base + v->first, 100);
	v->save = FORWARD_SAVE_CURSOR;
	v->cursor.accepted += 1;
	visit(v, 0);
	assert_int_equal(v->cursor.skipped, 7);
	assert_int_equal(v->cursor.base + v->first, 101);
	forward_visit_destroy(v);
}

static void another_database_has_no_base(void **state) {
	(void)state;
	commit_lines(0, 2);
	struct forward_visit *v = visit(NULL, 0);
	v->save = FORWARD_SAVE_BASE;
	visit(v, 0);
	assert_true(v->cursor.has_base);
	assert_int_equal(db_rename(&db), 0);
	visit(v, -EXDEV); /* nor does it take the other's cursor */
	v->save = FORWARD_SAVE_NOTHING;
	visit(v, 0);
	assert_false(v->cursor.has_base);
	forward_visit_destroy(v);
}

static void a_refused_line_is_set_aside_and_keeps_its_number(void **state) {
	(void)state;
	commit_lines(0, 3);
	struct forward_visit *v = visit(NULL, 0);
	v->save = FORWARD_SAVE_CURSOR;
	v->refuse = 1;
	v->refuse_status = 400;
	snprintf(v->refuse_words, sizeof v->refuse_words, "not that");
	visit(v, 0);
	assert_int_equal(v->cursor.refused, 1);
	assert_int_equal(v->n_lines, 3);
	assert_non_null(strstr(content(v), ",\"{\\\"_step\\\":1,\\\"_runtime\\\":0.1,"));
	forward_visit_destroy(v);
	assert_string_equal(
		sql_text(path, "SELECT line || ' ' || status || ' ' || words || ' ' || json "
			       "FROM refused_lines"),
		"1 400 not that "
		"{\"a\":1.5,\"_step\":1,\"_runtime\":0.1,\"_timestamp\":1700000000.1}");
	assert_string_equal(sql_text(path, "SELECT refused FROM forwards"), "1");
}

static void a_stand_in_that_is_refused_is_not_set_aside_again(void **state) {
	(void)state;
	commit_lines(0, 2);
	struct forward_visit *v = visit(NULL, 0);
	v->save = FORWARD_SAVE_CURSOR;
	v->refuse = 0;
	visit(v, 0);
	visit(v, 0);
	assert_int_equal(v->cursor.refused, 1);
	forward_visit_destroy(v);
	assert_string_equal(sql_text(path, "SELECT json FROM refused_lines"),
		"{\"a\":0.5,\"_step\":0,\"_runtime\":0,\"_timestamp\":1700000000}");
}

static void without_a_base_no_line_is_brought(void **state) {
	(void)state;
	commit_lines(0, 2);
	struct forward_visit *v = forward_visit_create("r");
	v->lines_max = 10;
	v->bytes_max = 1000;
	visit(v, 0);
	assert_int_equal(v->lines, 2);
	assert_int_equal(v->n_lines, 0);
	forward_visit_destroy(v);
}

static void a_hole_is_never_sent_over(void **state) {
	(void)state;
	commit_lines(0, 4);
	sql_run(path, "DELETE FROM forward_lines_data WHERE line = 2");
	forward_visit_destroy(visit(NULL, -ENODATA));
}

static void what_cannot_be_brought_is_not_saved_either(void **state) {
	(void)state;
	commit_lines(0, 4);
	struct forward_visit *v = visit(NULL, 0);
	sql_run(path, "DELETE FROM forward_lines_data WHERE line = 2");
	v->save = FORWARD_SAVE_BASE;
	v->server_step = 0;
	v->refuse = 1;
	visit(v, -ENODATA);
	forward_visit_destroy(v);
	assert_string_equal(
		sql_text(path, "SELECT accepted || ' ' || floor || ' ' || refused || "
			       "' ' || (SELECT min(line) FROM forward_lines) FROM forwards_data"),
		"0 -1 0 0");
	assert_string_equal(sql_text(path, "SELECT count(*) FROM refused_lines"), "0");
}

static void the_summary_and_the_run_come_when_asked(void **state) {
	(void)state;
	commit_lines(0, 1);
	struct run_cut *cut = forwarded_cut(5);
	cut->row.forward_summary_json = "{\"a\":NaN}";
	cut->row.config_json = "{\"lr\":1e-4}";
	cut->row.state = "failed";
	cut->row.ended = 1700000061.5;
	cut->row.has_exit_code = true;
	cut->row.exit_code = 3;
	commit(cut);
	struct forward_visit *v = forward_visit_create("r");
	v->want_about = v->want_summary = true;
	v->look_at = 0;
	visit(v, 0);
	assert_string_equal(v->summary,
		"{\"a\":NaN,\"_step\":0,\"_timestamp\":1700000000,\"_runtime\":61.5,"
		"\"_wandb\":{\"runtime\":61}}"); /* to its end */
	assert_string_equal(v->about.config_json, "{\"lr\":1e-4}");
	assert_string_equal(v->about.project, "tests");
	assert_true(v->ended);
	assert_int_equal(v->exit_code, 3);
	assert_true(v->has_looked);
	assert_int_equal(v->looked.step, 0);
	assert_true(v->oldest_time == 1700000000);
	assert_int_equal(v->n_lines, 0);
	forward_visit_destroy(v);
}

static void a_key_of_the_user_s_is_known_of_from_the_first_commit_on(void **state) {
	(void)state;
	struct run_cut *cut = forwarded_cut(1);
	cut->row.forward_summary_json = "{}";
	cut->row.forwards_own_key = true;
	commit(cut);
	assert_string_equal(sql_text(path, "SELECT own_key FROM forwards_data"), "1");
	cut = forwarded_cut(2);
	cut->row.forward_summary_json = "{\"a\":1}";
	commit(cut);
	assert_string_equal(sql_text(path, "SELECT own_key FROM forwards_data"), "1");
}

static bool knows(uint32_t step, double time) {
	struct forward_visit *v = forward_visit_create("r");
	v->look_at = 7; /* none of that number */
	v->expected = (struct forward_line){step, time};
	visit(v, 0);
	bool known = v->knows_expected;
	assert_false(v->has_looked);
	forward_visit_destroy(v);
	return known;
}

static void a_line_is_known_by_its_step_and_time(void **state) {
	(void)state;
	commit_lines(0, 3);
	assert_true(knows(0, 1700000000.0009));
	assert_false(knows(0, 1700000000.002));
	assert_false(knows(1, 1700000000));
}

static void a_run_that_logged_nothing_has_taken_its_time_too(void **state) {
	(void)state;
	struct run_cut *cut = forwarded_cut(5);
	cut->row.forward_summary_json = "{}";
	cut->row.state = "finished";
	cut->row.ended = cut->row.started + 90;
	commit(cut);
	struct forward_visit *v = forward_visit_create("r");
	v->want_summary = true;
	visit(v, 0);
	assert_string_equal(v->summary, "{\"_runtime\":90,\"_wandb\":{\"runtime\":90}}");
	forward_visit_destroy(v);
}

static void a_run_that_crashed_has_taken_its_time_to_the_newest_line(void **state) {
	(void)state;
	commit_lines(0, 4);
	struct run_cut *cut = forwarded_cut(5);
	cut->row.state = "crashed";
	cut->row.ended = cut->row.started + 90;
	commit(cut);
	struct forward_visit *v = forward_visit_create("r");
	v->want_summary = true;
	visit(v, 0);
	assert_non_null(
		strstr(v->summary, "\"_runtime\":0.30000000000000004,\"_wandb\":{\"runtime\":0}}"));
	forward_visit_destroy(v);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
		TEST(a_line_is_decided_with_the_commit_that_closes_it),
		TEST(a_run_that_stays_local_has_no_lines),
		TEST(an_attempt_adds_only_what_lies_behind_the_last_line),
		TEST(a_late_log_and_a_line_of_ours_alone_get_no_number),
		TEST(numbers_go_on_after_a_restart),
		TEST(what_is_accepted_is_not_kept),
		TEST(a_batch_is_as_large_as_asked_but_never_empty),
		TEST(fixing_the_base_skips_the_steps_that_are_there),
		TEST(none_some_or_all_lines_are_of_steps_it_has),
		TEST(steps_that_are_there_are_skipped_also_when_they_come_later),
		TEST(another_database_has_no_base),
		TEST(a_refused_line_is_set_aside_and_keeps_its_number),
		TEST(a_stand_in_that_is_refused_is_not_set_aside_again),
		TEST(without_a_base_no_line_is_brought),
		TEST(a_hole_is_never_sent_over),
		TEST(what_cannot_be_brought_is_not_saved_either),
		TEST(the_summary_and_the_run_come_when_asked),
		TEST(a_key_of_the_user_s_is_known_of_from_the_first_commit_on),
		TEST(a_line_is_known_by_its_step_and_time),
		TEST(a_run_that_logged_nothing_has_taken_its_time_too),
		TEST(a_run_that_crashed_has_taken_its_time_to_the_newest_line),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

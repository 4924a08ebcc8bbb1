/* Where a run is at W&B, and whether it is still ours. */
#include "courier_world.h"

#include <string.h>

static void a_run_wandb_has_is_gone_on_with_behind_its_lines(void **state) {
	(void)state;
	w.lines = 10;
	w.first_step = 5;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "8"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("8", "7", "1007"));
	uint64_t read_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	assert_int_equal(w.now_ns, read_ns + 5 * S);
	answer(COURIER_STATUS, 200, STATUS("9", "8", "1008")); /* it had not settled */
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("9", "8", "1008"));
	stream(200, "{}");
	assert_string_equal(w.request, "9 [\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"] summary");
	assert_int_equal(w.cursor.skipped, 4);
	assert_non_null(strstr(w.event, "already has 9 lines of this run, through step 8"));
}

static void after_a_restart_the_numbers_go_on(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	w.lines = 4;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"] summary");
}

static void more_lines_than_were_decided_park_the_run(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "somebody else writes it"));
	/* Also over a restart, until somebody says otherwise. */
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_int_equal(w.c.state, COURIER_REFUSED);
	courier_resume(&w.c, true);
	courier_note(&w.c, w.lines = 6, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("4", "3", "1003"));
	}
	stream(200, "{}");
	assert_string_equal(w.request, "4 [\"4\",\"5\"] summary");
}

static void another_line_in_our_place_parks_the_run(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "77", "1077"));
	uint64_t read_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	assert_int_equal(w.now_ns, read_ns + 5 * S);
	answer(COURIER_STATUS, 200, STATUS("3", "77", "1077"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "a line of step 77"));
}

static void a_tail_that_lags_behind_its_count_parks_nothing(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "1", "1001"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"] summary");
	assert_null(w.cursor.parked);
}

static void another_line_where_ours_were_to_go_parks_the_run(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	w.lines = 6;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "5"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(
		strstr(w.cursor.parked, "a line of step 9 where this database has one of step 4"));
}

static void a_run_wandb_lost_is_not_begun_again_by_itself(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "does not know this run any more"));
}

static void a_run_that_wandb_lost_before_any_line_of_ours_is_not_begun_amid_its_numbers(
	void **state) {
	(void)state;
	w.lines = 1;
	w.first_step = 5;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "8"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("8", "7", "1007"));
	}
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "does not know this run any more"));
}

static void another_database_in_its_place_is_asked_about_anew(void **state) {
	(void)state;
	w.lines = 50;
	begin_new();
	stream(200, "{}");
	(void)next_request(w.now_ns);
	/* It was set aside; the run goes on in an empty one. */
	forward_cursor_finish(&w.cursor);
	w.cursor.db_id[0] = 1;
	w.lines = 3;
	w.first_step = 50;
	courier_note(&w.c, w.lines, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "50"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("50", "49", "1049"));
	}
	stream(200, "{}");
	assert_string_equal(w.request, "50 [\"0\",\"1\",\"2\"]");
}

static void after_a_long_silence_it_is_asked_whose_the_run_is(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	uint64_t heard_ns = w.now_ns;
	courier_note(&w.c, w.lines = 6, false, false);
	while (next_request(UINT64_MAX) == COURIER_STREAM) {
		assert_true(w.now_ns <= heard_ns + 60 * S);
		answer(COURIER_STREAM, 0, "no route to host");
	}
	answer(COURIER_UPSERT, 0, "no route to host");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "5")); /* another host has gone on */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	}
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "somebody else writes this run"));
}

static void a_silence_in_which_it_has_news_of_itself_is_one_too(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, w.lines = 9, false, true);
	w.now_ns += 10 * S;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 0, "no route to host");
	w.now_ns += 3600 * S;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "5")); /* another host has gone on */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("5", "9", "1009"));
	}
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "somebody else writes this run"));
}

static void a_run_that_crashed_is_asked_about_before_it_goes_on(void **state) {
	(void)state;
	w.lines = 3;
	w.silent = true;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns + 3600 * S), COURIER_NOTHING);
	w.silent = false;
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"]");
}

static void a_run_that_is_gone_is_asked_about_before_it_is_parked(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(404, "no such run");
	assert_null(w.c.cursor.parked);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	stream(404, "no such run");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_string_equal(w.cursor.parked,
		"W&B does not know this run any more: no such run (HTTP 404); "
		"`sae-metricsd sync r` tries again");
}

static void an_address_without_wandb_parks_nothing(void **state) {
	(void)state;
	w.lines = 2;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 404, "<html>nginx</html>");
	assert_null(w.c.cursor.parked);
	assert_int_equal(w.c.state, COURIER_WAITING);
}

static void lines_wandb_lost_leave_no_hole(void **state) {
	(void)state;
	w.lines = 10;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	restart();
	w.lines = 12;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("4", "3", "1003"));
	enum courier_want want = next_request(w.now_ns + 60 * S);
	assert_int_not_equal(want, COURIER_STREAM);
}

static void a_count_that_lags_does_not_lead_over_our_own_lines(void **state) {
	(void)state;
	w.lines = 10;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	courier_resume(&w.c, true);
	w.lines = 12;
	courier_note(&w.c, 12, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "6"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("6", "5", "1005")); /* lags */
	}
	enum courier_want want = next_request(w.now_ns + 60 * S);
	if (want == COURIER_STREAM) {
		answer(COURIER_STREAM, 200, "{}");
	}
	assert_true(strncmp(w.request, "6 ", 2) != 0);
}

static void a_tail_that_lags_skips_no_fewer_steps_than_there_are_lines(void **state) {
	(void)state;
	w.lines = 10;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "10"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200,
			STATUS("10", "7", "1007")); /* ten lines cannot end at step 7 */
	}
	assert_int_equal(next_request(w.now_ns), COURIER_STREAM);
	answer(COURIER_STREAM, 200, "{}");
	assert_int_equal(w.cursor.skipped, 10);
}

static void another_database_is_another_conversation(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	/* set aside as damaged: the new file knows nothing but the lines from now on */
	forward_cursor_finish(&w.cursor);
	w.cursor.db_id[0] = 7;
	w.lines = 2;
	w.first_step = 3;
	w.ended = true;
	courier_note(&w.c, 2, true, false);
	enum courier_want want = next_request(w.now_ns + 60 * S);
	assert_int_equal(want, COURIER_UPSERT);
}

static void a_run_begun_anew_at_wandb_is_not_sent_with_a_hole(void **state) {
	(void)state;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "1000"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("1000", "999", "1999"));
	}
	assert_int_equal(next_request(w.now_ns), COURIER_STREAM);
	answer(COURIER_STREAM, 404,
		"{}"); /* deleted meanwhile, or the server's disk was put back */
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "does not know this run any more"));
}

static void who_has_asked_and_waits_his_turn_does_not_ask_again(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("3", "2", "1002"));
	w.now_ns += 200 * S; /* others have long requests */
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\"] summary");

	courier_note(&w.c, w.lines = 5, false, false);
	w.now_ns += 200 * S; /* it was silent */
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void who_has_asked_and_fails_asks_again(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(0, "no route to host");
	w.now_ns += 200 * S;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

/* The count may lag, and then the tail. Returns how long it took until it was parked, or sent. */
static uint64_t read_a_tail(int n_reads, const char *tail) {
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 4, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "2"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("2", "1", "1001"));
	uint64_t begun_ns = w.now_ns;
	while (next_request(UINT64_MAX) == COURIER_STATUS) {
		answer(COURIER_STATUS, 200, n_reads-- > 0 ? tail : STATUS("3", "2", "1002"));
	}
	return w.now_ns - begun_ns;
}

static void a_tail_may_lag_as_long_as_a_count(void **state) {
	(void)state;
	assert_true(read_a_tail(11, STATUS("3", "1", "1001")) <= 60 * S);
	assert_null(w.cursor.parked);
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
}

static void a_tail_of_an_older_line_parks_the_run_in_the_end(void **state) {
	(void)state;
	assert_true(read_a_tail(1000, STATUS("3", "1", "1001")) <= 70 * S);
	assert_non_null(
		strstr(w.cursor.parked, "a line of step 1 where this database has one of step 2"));
}

static void a_tail_that_is_no_line_of_ours_does_not_lag(void **state) {
	(void)state;
	assert_true(read_a_tail(1000, STATUS("3", "1", "1007")) <= 10 * S);
	assert_non_null(strstr(w.cursor.parked, "a line of step 1 where"));
}

static void a_count_may_lag_behind_its_tail_too(void **state) {
	(void)state;
	w.lines = 4;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, w.lines = 6, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	for (int i = 0; i < 6;
		i++) { /* a batch that arrived before the restart counts only later */
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, STATUS("4", "5", "1005"));
	}
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("6", "5", "1005"));
	stream(200, "{}");
	assert_null(w.cursor.parked);
}

static void whom_another_host_keeps_waiting_is_told_so(void **state) {
	static const char *const counts[] = {STATUS("4", "3", "1003"), STATUS("5", "4", "1004"),
		STATUS("6", "5", "1005"), STATUS("7", "6", "1006")};
	(void)state;
	w.lines = 10;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(w.c.state, COURIER_WELL);
		assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
		answer(COURIER_STATUS, 200, counts[i]);
	}
	assert_int_equal(w.c.state, COURIER_WAITING);
	assert_non_null(strstr(w.c.words, "somebody else writes this run, W&B has 7 lines"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, counts[3]);
	assert_int_equal(w.c.state, COURIER_WELL);
	stream(200, "{}");
	assert_string_equal(w.request, "7 [\"7\",\"8\",\"9\"] summary");
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_run_wandb_has_is_gone_on_with_behind_its_lines),
		TEST(after_a_restart_the_numbers_go_on),
		TEST(more_lines_than_were_decided_park_the_run),
		TEST(another_line_in_our_place_parks_the_run),
		TEST(a_tail_that_lags_behind_its_count_parks_nothing),
		TEST(another_line_where_ours_were_to_go_parks_the_run),
		TEST(a_run_wandb_lost_is_not_begun_again_by_itself),
		TEST(a_run_that_wandb_lost_before_any_line_of_ours_is_not_begun_amid_its_numbers),
		TEST(another_database_in_its_place_is_asked_about_anew),
		TEST(after_a_long_silence_it_is_asked_whose_the_run_is),
		TEST(a_silence_in_which_it_has_news_of_itself_is_one_too),
		TEST(a_run_that_crashed_is_asked_about_before_it_goes_on),
		TEST(a_run_that_is_gone_is_asked_about_before_it_is_parked),
		TEST(an_address_without_wandb_parks_nothing),
		TEST(lines_wandb_lost_leave_no_hole),
		TEST(a_count_that_lags_does_not_lead_over_our_own_lines),
		TEST(a_tail_that_lags_skips_no_fewer_steps_than_there_are_lines),
		TEST(another_database_is_another_conversation),
		TEST(a_run_begun_anew_at_wandb_is_not_sent_with_a_hole),
		TEST(who_has_asked_and_waits_his_turn_does_not_ask_again),
		TEST(who_has_asked_and_fails_asks_again),
		TEST(a_tail_may_lag_as_long_as_a_count),
		TEST(a_tail_of_an_older_line_parks_the_run_in_the_end),
		TEST(a_tail_that_is_no_line_of_ours_does_not_lag),
		TEST(a_count_may_lag_behind_its_tail_too),
		TEST(whom_another_host_keeps_waiting_is_told_so),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lines, the summary and the end: what is sent together, and what is at fault when it is not taken. */
#include "courier_world.h"

#include <stdio.h>
#include <string.h>

/* Their number is written before they are read. */
static void lines_that_turn_out_to_be_others_are_asked_for_again(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	w.cursor.accepted = 5; /* another hand moved it */
	courier_note(&w.c, w.lines = 7, false, false);
	int visits = w.visits;
	stream(200, "{}");
	assert_string_equal(w.request, "5 [\"5\",\"6\"]");
	assert_int_equal(w.visits, visits + 2);
}

static void a_batch_whose_fate_is_unknown_is_sent_again_at_its_place(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(0, "reset by peer");
	assert_int_equal(w.c.state, COURIER_WAITING);
	restart();
	w.lines = 4;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "2"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_STATUS);
	answer(COURIER_STATUS, 200, STATUS("2", "1", "1001")); /* it had come as far: ours */
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\",\"3\"] summary");
}

/* Answers like a server that does not take line `bad` of any request. */
static void stream_around(int64_t bad, int rounds) {
	char word[32];
	snprintf(word, sizeof word, "\"%lld\"", (long long)bad);
	for (int i = 0; i < rounds; i++) {
		if (next_request(w.now_ns) != COURIER_STREAM) {
			return;
		}
		struct courier *c = &w.c;
		bool has_it = c->n_lines > 0 && w.refused != bad &&
			      memmem(c->content.data, c->content.len, word, strlen(word)) != NULL;
		answer(COURIER_STREAM, has_it ? 400 : 200,
			has_it ? "{\"error\":\"bad line\"}" : "{}");
	}
}

static void a_line_that_is_not_taken_is_found_and_set_aside(void **state) {
	(void)state;
	w.lines = 1000;
	begin_new();
	stream_around(617, 60);
	assert_int_equal(w.refused, 617);
	assert_int_equal(w.cursor.accepted, 1000);
	assert_non_null(strstr(w.event, "did not take the line of step 617: bad line (HTTP 400)"));
	assert_null(w.cursor.parked);
}

static void a_summary_that_is_not_taken_keeps_no_line_back(void **state) {
	(void)state;
	w.lines = 10;
	w.takes_no_summary = true;
	begin_new();
	for (int i = 0; i < 10 && next_request(UINT64_MAX) == COURIER_STREAM; i++) {
		answer(COURIER_STREAM, 200, "{}");
	}
	assert_int_equal(w.cursor.accepted, 10);
	assert_int_equal(w.refused, -1);
	assert_non_null(strstr(w.event, "did not take the summary"));
}

static void a_request_that_is_too_large_is_halved(void **state) {
	(void)state;
	w.lines = 64;
	begin_new();
	int tries = 0;
	for (; tries < 60 && next_request(w.now_ns) == COURIER_STREAM; tries++) {
		answer(COURIER_STREAM, w.c.n_lines > 10 ? 413 : 200, "{}");
	}
	assert_int_equal(w.cursor.accepted, 64);
	assert_int_equal(w.refused, -1);
	assert_true(tries < 40);
}

static void a_backlog_goes_batch_after_batch_without_waiting(void **state) {
	(void)state;
	w.lines = 1000000;
	begin_new();
	uint64_t before_ns = w.now_ns;
	int requests = 0;
	while (next_request(w.now_ns) == COURIER_STREAM) {
		answer(COURIER_STREAM, 200, "{}");
		requests++;
	}
	assert_int_equal(w.cursor.accepted, 1000000);
	assert_int_equal(w.now_ns, before_ns);
	assert_true(requests <= 12);
}

static void a_conflict_blames_no_line(void **state) {
	(void)state;
	w.lines = 4;
	begin_new();
	stream(409, "{\"error\":\"try again\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	stream(409, "{\"error\":\"try again\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_int_equal(w.refused, -1);
	assert_non_null(strstr(w.cursor.parked, "try again"));
}

static void a_bad_hour_of_wandbs_costs_no_line(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	for (int i = 0; i < 8; i++) {
		stream_later(400, "proxy has a bad hour");
	}
	assert_int_equal(w.refused, -1);
	assert_null(w.c.cursor.parked);
	assert_int_equal(w.c.state, COURIER_WAITING);
	for (int i = 0; i < 8 && w.cursor.accepted < 2; i++) {
		stream_later(200, "{}");
		(void)next_request(w.now_ns);
	}
	assert_int_equal(w.cursor.accepted, 2);
}

static void the_summary_goes_with_the_line_it_is_of(void **state) {
	(void)state;
	w.lines = 5;
	begin_new();
	w.c.lines_max = 3;
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\"]");
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\",\"4\"] summary");
}

static void a_bad_hour_of_wandbs_costs_no_summary(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(400, "bad"); /* with the summary; without it: */
	stream(200, "{}");
	for (int i = 0; i < 60 && !w.cursor.completed; i++) {
		enum courier_want want = next_request(UINT64_MAX);
		int status = want == COURIER_STREAM && i < 40 ? 400 : 200;
		answer(want, status,
			want == COURIER_UPSERT ? UPSERT("false", "2") : STATUS("2", "1", "1001"));
		(void)next_request(w.now_ns);
	}
	assert_null(strstr(w.event, "did not take the summary"));
	assert_true(w.cursor.completed);
	assert_non_null(strstr(w.request, "summary complete"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(lines_that_turn_out_to_be_others_are_asked_for_again),
		TEST(a_batch_whose_fate_is_unknown_is_sent_again_at_its_place),
		TEST(a_line_that_is_not_taken_is_found_and_set_aside),
		TEST(a_summary_that_is_not_taken_keeps_no_line_back),
		TEST(a_request_that_is_too_large_is_halved),
		TEST(a_backlog_goes_batch_after_batch_without_waiting),
		TEST(a_conflict_blames_no_line),
		TEST(a_bad_hour_of_wandbs_costs_no_line),
		TEST(the_summary_goes_with_the_line_it_is_of),
		TEST(a_bad_hour_of_wandbs_costs_no_summary),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

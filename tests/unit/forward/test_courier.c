/* What a run on its way to W&B does next. */
#include "courier_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static void a_new_run_is_introduced_and_its_lines_begin_at_zero(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\"] summary");
	assert_string_equal(w.cursor.entity, "e");
	assert_int_equal(next_request(w.now_ns), COURIER_NOTHING);
	assert_int_equal(w.cursor.accepted, 3);
	assert_int_equal(w.cursor.step, 2);
}

static void lines_go_together_every_fifteen_seconds(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(200, "{}");
	uint64_t sent_ns = w.now_ns;
	courier_note(&w.c, w.lines = 5, false, false);
	stream(200, "{}");
	assert_string_equal(w.request, "1 [\"1\",\"2\",\"3\",\"4\"]");
	assert_int_equal(w.now_ns, sent_ns + 15 * S);
}

static void silence_is_broken_by_heartbeats_until_the_run_ends(void **state) {
	(void)state;
	begin_new();
	stream(200, "{}");
	uint64_t sent_ns = w.now_ns;
	stream(200, "{}");
	assert_string_equal(w.request, " []");
	assert_int_equal(w.now_ns, sent_ns + 30 * S);
	w.ended = true;
	courier_note(&w.c, 0, true, false);
	stream(200, "{}");
	assert_string_equal(w.request, " [] complete");
	assert_int_equal(w.now_ns, sent_ns + 30 * S);
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
	assert_true(w.cursor.completed);
}

static void the_end_comes_with_the_last_lines(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\"] summary complete");
}

static void a_crashed_run_is_left_to_wandb(void **state) {
	(void)state;
	w.lines = 1;
	w.silent = true;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\"] summary");
	assert_int_equal(next_request(w.now_ns + 3600 * S), COURIER_NOTHING);
}

static void a_resume_while_it_is_busy_is_not_forgotten(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "4"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	restart();
	struct forward_visit *v = courier_visit(&w.c, true, w.now_ns);
	assert_non_null(v);
	courier_resume(&w.c, false);
	forward_cursor_finish(&v->cursor);
	assert_int_equal(forward_cursor_copy(&v->cursor, &w.cursor), 0);
	v->lines = w.lines;
	courier_visited(&w.c, v, 0, w.now_ns);
	forward_visit_destroy(v);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_null(w.cursor.parked);
}

static void a_deleted_id_is_said_plainly_and_parked(void **state) {
	(void)state;
	w.lines = 1;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 409,
		"{\"errors\":[{\"message\":\"run e/p/r was previously created and deleted; try a "
		"new run name\"}]}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "previously created and deleted"));
	assert_non_null(strstr(w.event, "needs another id"));
}

static void an_outage_holds_no_lines_and_backs_off(void **state) {
	(void)state;
	w.lines = 100;
	begin_new();
	stream(503, "busy");
	assert_int_equal(w.c.n_lines, 0);
	assert_int_equal(w.c.content.cap, 0);
	assert_string_equal(w.c.words, "busy (HTTP 503)");
	uint64_t before_ns = w.now_ns;
	stream(0, "no route to host");
	assert_int_equal(w.now_ns, before_ns + 2 * S);
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns + 6 * S);
	assert_int_equal(w.c.state, COURIER_WELL);
	(void)next_request(w.now_ns);
	assert_int_equal(w.cursor.accepted, 100);
}

static void who_is_woken_and_fails_again_waits_for_his_own_time(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(503, "busy");
	courier_wake(&w.c);
	uint64_t before_ns = w.now_ns;
	stream(503, "busy");
	assert_int_equal(w.now_ns, before_ns);
	courier_wake(&w.c);
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns + 4 * S);
	courier_note(&w.c, w.lines = 2, false, false);
	stream(503, "busy");
	before_ns = w.now_ns;
	courier_wake(&w.c); /* it had got through */
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	assert_int_equal(w.now_ns, before_ns);
}

static void a_wait_that_wandb_named_is_not_cut_short(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	struct buf body = {0};
	assert_int_equal(courier_stream(&w.c, &body), 0);
	buf_finish(&body);
	struct http_response r = {.status = 503, .retry_after = text_of("30", 2)};
	courier_answered(&w.c, COURIER_STREAM, &r, w.now_ns, 1e9, 0);
	courier_wake(&w.c);
	uint64_t before_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	assert_int_equal(w.now_ns, before_ns + 30 * S);
}

static void a_question_that_is_answered_ends_no_trouble_with_lines(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	uint64_t before_ns = w.now_ns;
	uint32_t n = 0;
	while (w.now_ns < before_ns + 600 * S) {
		enum courier_want want = next_request(UINT64_MAX);
		n += want == COURIER_STREAM;
		answer(want, want == COURIER_STREAM ? 500 : 200,
			want == COURIER_UPSERT ? UPSERT("false", "0") : STATUS("0", "0", "1000"));
	}
	assert_int_equal(w.c.state, COURIER_WAITING);
	assert_true(n <= 16); /* 0, 2, 6, 14, 30, 62, and once a minute */
}

static void a_refused_key_is_probed_slowly_and_nothing_is_lost(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(401, "{\"error\":\"permission denied\"}");
	assert_int_equal(w.c.state, COURIER_REFUSED);
	assert_string_equal(w.c.words, "permission denied (HTTP 401)");
	uint64_t before_ns = w.now_ns;
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns + 60 * S);
	assert_string_equal(w.request, "0 [\"0\",\"1\"] summary");
}

static void without_a_key_it_waits_for_one(void **state) {
	(void)state;
	w.lines = 2;
	w.c.has_key = false;
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	w.c.has_key = true;
	courier_retry(&w.c);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void garbage_is_no_answer(void **state) {
	(void)state;
	w.lines = 2;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, "<html>log in to the hotel</html>");
	assert_int_equal(w.c.state, COURIER_WAITING);
	assert_null(w.c.cursor.parked);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void news_of_itself_is_told_after_a_while(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, 1, false, true);
	uint64_t before_ns = w.now_ns;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_int_equal(w.now_ns, before_ns + 5 * S);
}

static void the_end_is_said_again_behind_an_introduction(void **state) {
	(void)state;
	w.lines = 1;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\"] summary complete");
	courier_note(&w.c, 1, true, true); /* W&B takes what comes of it for a run that goes on */
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "1"));
	stream(200, "{}");
	assert_string_equal(w.request, " [] complete");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

/* It has news of itself; what name it says then. */
static const char *told_again(void) {
	courier_note(&w.c, w.lines, w.ended, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	return w.told;
}

static void what_people_change_at_wandb_is_not_changed_back(void **state) {
	(void)state;
	w.name = "one";
	begin_new();
	assert_string_equal(w.told, "one");
	stream(200, "{}");
	assert_string_equal(told_again(), ""); /* somebody may call it something else by now */
	w.name = "two";
	assert_string_equal(told_again(), "two");
	assert_string_equal(told_again(), "");
	(void)next_request(w.now_ns);
	courier_finish(&w.c); /* another daemon */
	courier_init(&w.c, "r", &policy);
	w.c.has_key = true;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	assert_string_equal(w.told, "");
}

static void what_wandb_did_not_hear_is_said_again(void **state) {
	(void)state;
	w.name = "one";
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 0, "no answer");
	begin_new();
	assert_string_equal(w.told, "one");
}

static void a_run_wandb_has_only_now_is_told_its_name(void **state) {
	(void)state;
	w.name = "one";
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, 0, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("true", "0")); /* it was deleted meanwhile */
	assert_string_equal(w.told, "");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "0"));
	assert_string_equal(w.told, "one");
	stream(200, "{}");
}

static void a_run_that_goes_on_after_its_end_is_introduced_again(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	(void)next_request(w.now_ns);
	assert_true(w.cursor.completed);
	w.ended = false;
	courier_note(&w.c, w.lines = 3, false, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "2"));
	stream(200, "{}");
	assert_string_equal(w.request, "2 [\"2\"]");
}

static void a_stop_is_passed_on(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	stream(200, "{\"stopped\":true}");
	assert_true(w.c.stop_wanted);
}

static void a_parked_run_says_what_helps(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(200, "{}");
	w.c.introduced = false;
	w.lines = 3;
	courier_note(&w.c, 3, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "9"));
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_non_null(strstr(w.cursor.parked, "`sae-metricsd sync r --take-over` goes on"));
	assert_non_null(strstr(w.event, w.cursor.parked));
}

static bool is_whole_utf8(const char *words) {
	return text_flaw(text_of(words, strlen(words)), false) == NULL;
}

static void words_of_others_are_cut_between_characters(void **state) {
	struct buf text = {0};
	(void)state;
	assert_int_equal(buf_printf(&text, "{\"error\": \""), 0);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(buf_printf(&text, "\u00e9\u20ac"), 0);
	}
	assert_int_equal(buf_printf(&text, "\"}"), 0);
	const char *body = buf_text(&text);
	w.lines = 2;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 503, body);
	assert_true(strlen(w.c.words) > 255); /* all that there was room for, and the status */
	assert_true(is_whole_utf8(w.c.words));
	assert_non_null(strstr(w.c.words, " (HTTP 503)"));

	w.c.not_before_ns = 0;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 0, "it said \xff\x1b[2J, which is none");
	assert_string_equal(w.c.words, "it said \xef\xbf\xbd [2J, which is none");

	w.c.not_before_ns = 0;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 422, body);
	assert_true(is_whole_utf8(w.c.words));
	assert_non_null(strstr(w.c.words, "(HTTP 422); `sae-metricsd sync r` tries again"));
	buf_finish(&text);
}

static void a_note_is_not_overtaken_by_an_older_look_at_the_database(void **state) {
	(void)state;
	struct forward_visit *v = courier_visit(&w.c, true, w.now_ns);
	courier_note(&w.c, w.lines = 2, false, true);
	courier_visited(&w.c, v, -ENOENT, w.now_ns);
	forward_visit_destroy(v);
	assert_false(courier_done(&w.c));
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
}

static void once_is_all_there_is_without_waiting_for_more(void **state) {
	(void)state;
	static const struct courier_policy once = {.transmit_ms = 15000,
		.heartbeat_ms = 30000,
		.settle_ms = 5000,
		.batch_max = 8u << 20,
		.once = true};
	courier_finish(&w.c);
	courier_init(&w.c, "r", &once);
	w.c.has_key = true;
	w.lines = 5;
	begin_new();
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\",\"2\",\"3\",\"4\"] summary");
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

static void a_parked_run_can_be_told_to_go_on_before_it_is_known(void **state) {
	(void)state;
	w.lines = 2;
	w.cursor.parked = strdup("somebody else");
	courier_resume(&w.c, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_null(w.cursor.parked);
}

static void two_introductions_at_once_are_tried_again(void **state) {
	(void)state;
	w.lines = 3;
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 409,
		"{\"errors\":[{\"message\":\"Error 1062: Duplicate entry 'x' for key "
		"'PRIMARY'\"}]}");
	assert_null(w.c.cursor.parked);
}

static void a_run_goes_on_when_what_it_says_of_itself_is_not_taken(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	courier_note(&w.c, w.lines = 6, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 400, "{\"error\":\"config too deep\"}");
	stream(200, "{}");
	assert_string_equal(w.request, "3 [\"3\",\"4\",\"5\"]");
	assert_non_null(strstr(w.event, "config too deep"));
}

static void what_a_run_says_of_itself_after_its_end_is_told(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	while (!courier_done(&w.c)) {
		assert_int_not_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	}
	courier_note(&w.c, 2, true, true); /* tags or notes of a run that has ended */
	enum courier_want want = next_request(w.now_ns + 1000 * S);
	assert_int_equal(want, COURIER_UPSERT);
}

static void a_crashed_run_that_wandb_has_all_of_is_let_go(void **state) {
	(void)state;
	w.lines = 2;
	begin_new();
	stream(200, "{}");
	w.silent = true;
	courier_note(&w.c, 2, false, false);
	assert_int_equal(next_request(w.now_ns + 100000 * S), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

static void an_end_that_wandb_knows_is_not_told_again(void **state) {
	(void)state;
	w.lines = 2;
	w.ended = true;
	begin_new();
	stream(200, "{}");
	restart();
	courier_note(&w.c, 2, true, false);
	assert_int_equal(next_request(UINT64_MAX), COURIER_NOTHING);
	assert_true(courier_done(&w.c));
}

static void a_config_that_is_not_taken_is_left_out(void **state) {
	(void)state;
	w.lines = 2;
	w.config = "{\"deep\":1}";
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_non_null(w.c.about.config_json);
	answer(COURIER_UPSERT, 413, "{\"error\":\"too large\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	assert_null(w.c.about.config_json);
	assert_non_null(strstr(w.event, "did not take the run's config: too large (HTTP 413)"));
	answer(COURIER_UPSERT, 200, UPSERT("true", "0"));
	stream(200, "{}");
	assert_string_equal(w.request, "0 [\"0\",\"1\"] summary");
}

static void a_key_given_while_the_old_one_is_asked_with_is_tried_at_once(void **state) {
	(void)state;
	w.lines = 1;
	begin_new();
	assert_int_equal(next_request(UINT64_MAX), COURIER_STREAM);
	struct buf request = {0};
	assert_int_equal(courier_stream(&w.c, &request), 0); /* under way */
	buf_finish(&request);
	courier_retry(&w.c);
	answer_again(401);
	uint64_t before_ns = w.now_ns;
	stream(200, "{}");
	assert_int_equal(w.now_ns, before_ns);
}

static void nobody_is_asked_again_without_a_pause(void **state) {
	(void)state;
	w.lines = 1;
	w.retry_after = "0";
	begin_new();
	uint64_t before_ns = w.now_ns;
	stream(503, "");
	stream(401, "");
	assert_true(w.now_ns - before_ns >= S);
	before_ns = w.now_ns;
	stream_later(200, "{}");
	assert_true(w.now_ns - before_ns >= 60 * S);
}

static void a_time_that_was_told_is_kept_to_whoever_else_gets_through(void **state) {
	(void)state;
	w.lines = 1;
	w.retry_after = "3600";
	begin_new();
	stream(503, "");
	courier_wake(&w.c);
	assert_int_equal(next_request(w.now_ns + 3599 * S), COURIER_NOTHING);
}

static void a_config_that_is_not_taken_keeps_no_name_back_later_either(void **state) {
	(void)state;
	w.lines = 3;
	begin_new();
	stream(200, "{}");
	restart();
	w.config = "{\"deep\":1}";
	w.name = "new name";
	courier_note(&w.c, w.lines = 6, false, true);
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 400, "{\"error\":\"config too deep\"}");
	assert_int_equal(next_request(UINT64_MAX), COURIER_UPSERT);
	answer(COURIER_UPSERT, 200, UPSERT("false", "3"));
	assert_string_equal(w.told, "new name");
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_new_run_is_introduced_and_its_lines_begin_at_zero),
		TEST(lines_go_together_every_fifteen_seconds),
		TEST(silence_is_broken_by_heartbeats_until_the_run_ends),
		TEST(the_end_comes_with_the_last_lines),
		TEST(a_crashed_run_is_left_to_wandb),
		TEST(a_resume_while_it_is_busy_is_not_forgotten),
		TEST(a_deleted_id_is_said_plainly_and_parked),
		TEST(an_outage_holds_no_lines_and_backs_off),
		TEST(who_is_woken_and_fails_again_waits_for_his_own_time),
		TEST(a_wait_that_wandb_named_is_not_cut_short),
		TEST(a_question_that_is_answered_ends_no_trouble_with_lines),
		TEST(a_refused_key_is_probed_slowly_and_nothing_is_lost),
		TEST(without_a_key_it_waits_for_one),
		TEST(garbage_is_no_answer),
		TEST(news_of_itself_is_told_after_a_while),
		TEST(the_end_is_said_again_behind_an_introduction),
		TEST(what_people_change_at_wandb_is_not_changed_back),
		TEST(what_wandb_did_not_hear_is_said_again),
		TEST(a_run_wandb_has_only_now_is_told_its_name),
		TEST(a_run_that_goes_on_after_its_end_is_introduced_again),
		TEST(a_stop_is_passed_on),
		TEST(a_parked_run_says_what_helps),
		TEST(words_of_others_are_cut_between_characters),
		TEST(a_note_is_not_overtaken_by_an_older_look_at_the_database),
		TEST(once_is_all_there_is_without_waiting_for_more),
		TEST(a_parked_run_can_be_told_to_go_on_before_it_is_known),
		TEST(two_introductions_at_once_are_tried_again),
		TEST(a_run_goes_on_when_what_it_says_of_itself_is_not_taken),
		TEST(what_a_run_says_of_itself_after_its_end_is_told),
		TEST(a_crashed_run_that_wandb_has_all_of_is_let_go),
		TEST(an_end_that_wandb_knows_is_not_told_again),
		TEST(a_config_that_is_not_taken_is_left_out),
		TEST(a_key_given_while_the_old_one_is_asked_with_is_tried_at_once),
		TEST(nobody_is_asked_again_without_a_pause),
		TEST(a_time_that_was_told_is_kept_to_whoever_else_gets_through),
		TEST(a_config_that_is_not_taken_keeps_no_name_back_later_either),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

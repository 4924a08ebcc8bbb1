/* What is logged at a step, and when its line closes. */
#include "rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Logs nothing of its own before step 99. */
static struct stream *open_quiet(struct rig *rig, uint32_t rank, uint32_t n) {
	struct msg_open open = rig_msg_open(2);
	open.rank = rank;
	open.world_size = n;
	open.wandb_log_frequency = 100;
	open.feature_sampling_window = 100;
	rig_stream_id(&open, (uint8_t)(rank + 1));
	return rig_must_open(rig, &open);
}

static enum apply_result log_value(
	struct rig *rig, struct stream *s, int64_t step, const char *key, double value) {
	struct log_entry entry;
	struct message m = rig_msg_log(stream_received(s) + 1, step, &entry, key, value);
	return rig_apply(rig, s, &m);
}

static void logged(struct rig *rig, struct stream *s, int64_t step, const char *key, double value) {
	assert_int_equal(log_value(rig, s, step, key, value), APPLY_TAKEN);
}

static void finish(struct rig *rig, struct stream *s) {
	struct message m = rig_msg_finish(stream_received(s) + 1, 0);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
}

static const char *line(struct rig *rig, uint32_t step) {
	char begin[64];
	(void)snprintf(begin, sizeof begin, "line attempt=1 step=%u ", step);
	rig_commit(rig);
	return rig_find(rig, begin, 0);
}

static void a_line_closes_when_its_stream_has_passed_its_step(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 5, 2, 1, 1);
	logged(rig, s, 5, "a", 1);
	assert_null(line(rig, 5));
	logged(rig, s, 5, "b", 2);
	rig_step(rig, s, 6, 2, 1, 1);
	assert_non_null(line(rig, 5));
	assert_true(rig_number(line(rig, 5), "3:a") == 1);
	assert_true(rig_number(line(rig, 5), "3:b") == 2);
	assert_int_equal((int)rig_number(line(rig, 5), "ordinal"), 0);
}

static void a_log_without_a_step_belongs_to_the_step_its_stream_is_at(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	logged(rig, s, -1, "before", 1); /* before any step: step 0 */
	rig_step(rig, s, 3, 2, 1, 1);
	logged(rig, s, -1, "at", 2);
	rig_step(rig, s, 4, 2, 1, 1);
	assert_non_null(strstr(line(rig, 0), "3:before="));
	assert_non_null(strstr(line(rig, 3), "3:at="));
	/* The attempt begins before its first line. */
	assert_non_null(strstr(rig->history.lines[0], "attempt attempt=1"));
}

static void a_log_ahead_of_its_step_waits_for_it(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	logged(rig, s, 2, "ahead", 1);
	rig_step(rig, s, 1, 2, 1, 1);
	assert_null(line(rig, 2));
	rig_step(rig, s, 2, 2, 1, 1);
	rig_step(rig, s, 3, 2, 1, 1);
	assert_non_null(line(rig, 2));
}

static void a_log_for_a_closed_step_is_kept_but_is_no_line(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	rig_step(rig, s, 1, 2, 1, 1);
	logged(rig, s, 0, "too late", 1);
	const char *loose = line(rig, 0);
	assert_non_null(loose);
	assert_int_equal((int)rig_number(loose, "ordinal"), LINE_NONE);
	logged(rig, s, 1, "in time", 1);
	rig_step(rig, s, 2, 2, 1, 1);
	assert_int_equal((int)rig_number(line(rig, 1), "ordinal"), 0);
	assert_null(strstr(rig->row_text.lines[0], "too late"));
}

static void later_values_of_a_key_win_and_keep_its_place(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	struct log_entry entries[3] = {
		{rig_lit("a"), {.kind = VALUE_FLOAT, .number = 1}},
		{rig_lit("b"), {.kind = VALUE_INT, .integer = 2}},
		{rig_lit("a"), {.kind = VALUE_FLOAT, .number = 3}},
	};
	struct message m = {.type = MSG_LOG};
	m.log = (struct msg_log){.seq = 2, .n_entries = 3, .entries = entries};
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	logged(rig, s, 0, "b", 4);
	rig_step(rig, s, 1, 2, 1, 1);
	const char *l = line(rig, 0);
	assert_true(rig_number(l, "3:a") == 3);
	assert_true(rig_number(l, "3:b") == 4);
	assert_true(strstr(l, "3:a=") < strstr(l, "3:b="));
	assert_null(strstr(strstr(l, "3:a=") + 1, "3:a="));
}

static void a_trainers_value_wins_over_the_cores_own(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.wandb_log_frequency = 1;
	struct stream *s = rig_must_open(rig, &open);
	logged(rig, s, 0, "sparsity/dead_features", 77);
	rig_step(rig, s, 0, 2, 1, 1);
	rig_step(rig, s, 1, 2, 1, 1);
	assert_non_null(strstr(line(rig, 0), "3:sparsity/dead_features=0x1.34p+6"));
	assert_null(strstr(line(rig, 0), "0:sparsity/dead_features"));
}

static void logs_of_ranks_count_by_rank_and_seq_whenever_they_come(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_quiet(rig, 0, 2), *b = open_quiet(rig, 1, 2);
	uint32_t counts[2] = {1, 1};
	struct message step = rig_msg_step(1, 0, 2, counts, 2);
	assert_int_equal(rig_apply(rig, b, &step), APPLY_TAKEN);
	logged(rig, b, -1, "key", 10); /* rank 1's, first to come */
	logged(rig, b, -1, "key", 11);
	assert_int_equal(rig_apply(rig, a, &step), APPLY_TAKEN);
	logged(rig, a, -1, "key", 20); /* rank 0's, last to come */
	step = rig_msg_step(3, 1, 2, counts, 2);
	assert_int_equal(rig_apply(rig, a, &step), APPLY_TAKEN);
	assert_null(line(rig, 0)); /* rank 1 has not passed it */
	logged(rig, b, -1, "other", 1);
	step.step.seq = 5;
	assert_int_equal(rig_apply(rig, b, &step), APPLY_TAKEN);
	assert_true(rig_number(line(rig, 0), "3:key") == 11);
	assert_true(rig_number(line(rig, 0), "3:other") == 1);
}

static void the_sparsity_row_stands_before_the_metrics_row_in_one_line(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	open.wandb_log_frequency = 3;
	struct stream *s = rig_must_open(rig, &open);
	for (uint32_t n = 0; n < 4; n++) {
		rig_step(rig, s, n, 2, 2, 1);
	}
	const char *l = line(rig, 2);
	assert_true(strstr(l, " 1:") < strstr(l, " 0:"));
	assert_true(strstr(l, " 0:") < strstr(l, " 2:"));
	assert_int_equal(rig_count(rig, "line "), 1);
}

static void finish_closes_what_is_open(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	logged(rig, s, 0, "now", 1);
	logged(rig, s, 7, "ahead", 1);
	finish(rig, s);
	assert_int_equal((int)rig_number(line(rig, 0), "ordinal"), 0);
	assert_int_equal((int)rig_number(line(rig, 7), "ordinal"), 1);
}

static void a_run_that_only_logs_is_kept_whatever_its_length(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	for (int n = 0; n < 1000; n++) {
		logged(rig, s, n, "loss", n);
	}
	finish(rig, s);
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "line "), 1000);
	for (int n = 0; n < 1000; n++) {
		assert_int_equal((int)rig_number(rig_find(rig, "line ", n), "ordinal"), n);
		assert_int_equal((int)rig_number(rig_find(rig, "line ", n), "step"), n);
	}
	assert_int_equal(rig_count(rig, "attempt "), 1);
	assert_string_equal(rig->row.state, "finished");
}

static void a_run_that_only_logs_is_seen_while_it_goes_on(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	logged(rig, s, 3, "loss", 1);
	logged(rig, s, 3, "more", 2);
	assert_null(line(rig, 3));
	logged(rig, s, 8, "loss", 3);
	assert_true(rig_number(line(rig, 3), "3:loss") == 1);
	assert_true(rig_number(line(rig, 3), "3:more") == 2);
	assert_null(line(rig, 8));
	logged(rig, s, -1, "at", 6);
	logged(rig, s, 2, "behind", 4); /* kept, but W&B takes no row behind another */
	assert_int_equal((int)rig_number(line(rig, 2), "ordinal"), LINE_NONE);
	logged(rig, s, 8, "in time", 5);
	finish(rig, s);
	assert_int_equal((int)rig_number(line(rig, 8), "ordinal"), 1);
	assert_true(rig_number(line(rig, 8), "3:in time") == 5);
	assert_true(rig_number(line(rig, 8), "3:at") == 6);
}

static void before_the_first_step_ranks_that_log_are_waited_for(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_quiet(rig, 0, 2), *b = open_quiet(rig, 1, 2);
	logged(rig, a, 0, "a", 1);
	logged(rig, a, 1, "a", 2);
	assert_null(line(rig, 0));
	logged(rig, b, 0, "b", 3);
	logged(rig, b, 1, "b", 4);
	finish(rig, a);
	finish(rig, b);
	assert_true(rig_number(line(rig, 0), "3:a") == 1);
	assert_true(rig_number(line(rig, 0), "3:b") == 3);
	assert_true(rig_number(line(rig, 1), "3:b") == 4);
}

static void too_much_logged_ahead_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	for (int n = 0; n < 256; n++) {
		logged(rig, s, n, "loss", n);
	}
	assert_int_equal(log_value(rig, s, 256, "loss", 1), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_NO_ROOM);
	assert_int_equal(rig->error.seq, stream_applied(s));
	logged(rig, s, 255, "other", 1); /* a line that is open already */
	rig_step(rig, s, 1, 2, 1, 1);
	logged(rig, s, 256, "loss", 1);
	rig_commit(rig);
	assert_int_equal(rig->row.refused, 1);
}

static void too_many_bytes_logged_ahead_are_refused(void **state) {
	struct rig *rig = *state;
	static char large[TEXT_MAX_BYTES];
	struct stream *s = open_quiet(rig, 0, 1);
	struct log_entry entry = {rig_lit("text"), {.kind = VALUE_TEXT}};
	memset(large, 'x', sizeof large);
	entry.value.text = text_of(large, sizeof large);
	rig_step(rig, s, 0, 2, 1, 1);
	struct message m = {.type = MSG_LOG};
	m.log = (struct msg_log){.has_step = true, .step = 5, .n_entries = 1, .entries = &entry};
	uint32_t n = 0;
	do {
		m.log.seq = stream_received(s) + 1;
		n++;
	} while (rig_apply(rig, s, &m) == APPLY_TAKEN && n < 100);
	assert_int_equal(n, 16);
	assert_int_equal(rig->error.code, ERROR_NO_ROOM);
}

static void no_room_behind_a_waiting_step_is_a_notice(void **state) {
	struct rig *rig = *state;
	struct stream *a = open_quiet(rig, 0, 2), *b = open_quiet(rig, 1, 2);
	uint32_t counts[2] = {1, 1};
	struct message step = rig_msg_step(1, 0, 2, counts, 2);
	assert_int_equal(rig_apply(rig, a, &step), APPLY_TAKEN);
	for (int n = 0; n < 256; n++) {
		logged(rig, b, n, "loss", n);
	}
	logged(rig, a, 300, "ahead", 1); /* waits, and finds no room in its turn */
	step.step.seq = 257;
	assert_int_equal(rig_apply(rig, b, &step), APPLY_TAKEN);
	rig_notices(rig);
	assert_int_equal(rig->n_errors, 1);
	assert_ptr_equal(rig->notice.stream, a);
	assert_int_equal(rig->notice.code, ERROR_NO_ROOM);
	assert_true(rig->notice.has_seq);
	assert_int_equal(rig->notice.seq, 2);
	assert_int_equal(stream_applied(a), 2);
	rig_commit(rig);
	assert_int_equal(rig->row.refused, 1);
}

/* ---- the summary ---- */

static void the_summary_has_the_latest_value_of_every_key(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	for (uint32_t n = 0; n < 3; n++) {
		rig_step(rig, s, n, 2, 1, 1);
		logged(rig, s, n, "loss", n / 4.0);
		logged(rig, s, n, n == 0 ? "first" : "later", NAN);
	}
	struct log_entry text = {rig_lit("a \"name\""), {.kind = VALUE_TEXT}};
	text.value.text = rig_lit("tab\t");
	struct message m = {.type = MSG_LOG};
	m.log = (struct msg_log){.seq = stream_received(s) + 1, .n_entries = 1, .entries = &text};
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	finish(rig, s);
	rig_commit(rig);
	const char *summary = strstr(rig->row_text.lines[0], "summary=");
	assert_string_equal(summary, "summary={\"loss\":0.5,\"first\":\"NaN\",\"later\":\"NaN\","
				     "\"a \\\"name\\\"\":\"tab\\u0009\"}");
}

static void what_the_trainer_puts_in_the_summary_lies_over_it(void **state) {
	struct rig *rig = *state;
	struct stream *s = open_quiet(rig, 0, 1);
	rig_step(rig, s, 0, 2, 1, 1);
	logged(rig, s, 0, "loss", 1);
	logged(rig, s, 0, "best", 1);
	struct message m = {.type = MSG_UPDATE};
	m.update = (struct msg_update){.seq = stream_received(s) + 1,
		.summary = rig_lit("{\"best\": {\"at\": [1, 2]}, \"n\\u00f6te\": null}")};
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	finish(rig, s);
	rig_commit(rig);
	rig_crash(rig, false);
	struct msg_open open = rig_msg_open(2);
	open.wandb_log_frequency = open.feature_sampling_window = 100;
	open.launch = rig_lit("second");
	rig_stream_id(&open, 9);
	s = rig_must_open(rig, &open);
	rig_step(rig, s, 1, 2, 1, 1);
	logged(rig, s, 1, "best", 2);
	logged(rig, s, 1, "loss", 2);
	finish(rig, s);
	rig_commit(rig);
	const char *summary = strstr(rig->row_text.lines[0], "summary=");
	assert_string_equal(
		summary, "summary={\"best\":{\"at\": [1, 2]},\"nöte\":null,\"loss\":2}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_line_closes_when_its_stream_has_passed_its_step),
		TEST(a_log_without_a_step_belongs_to_the_step_its_stream_is_at),
		TEST(a_log_ahead_of_its_step_waits_for_it),
		TEST(a_log_for_a_closed_step_is_kept_but_is_no_line),
		TEST(later_values_of_a_key_win_and_keep_its_place),
		TEST(a_trainers_value_wins_over_the_cores_own),
		TEST(logs_of_ranks_count_by_rank_and_seq_whenever_they_come),
		TEST(the_sparsity_row_stands_before_the_metrics_row_in_one_line),
		TEST(finish_closes_what_is_open),
		TEST(a_run_that_only_logs_is_kept_whatever_its_length),
		TEST(a_run_that_only_logs_is_seen_while_it_goes_on),
		TEST(before_the_first_step_ranks_that_log_are_waited_for),
		TEST(too_much_logged_ahead_is_refused),
		TEST(too_many_bytes_logged_ahead_are_refused),
		TEST(no_room_behind_a_waiting_step_is_a_notice),
		TEST(the_summary_has_the_latest_value_of_every_key),
		TEST(what_the_trainer_puts_in_the_summary_lies_over_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

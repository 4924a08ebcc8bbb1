/* Laps that a LOG begins: a run that only logs, and begins again. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D_SAE 2u

static struct msg_open open_of(const char *launch, uint8_t stream, uint32_t rank, uint32_t n) {
	struct msg_open open = rig_msg_open(D_SAE);
	open.launch = rig_lit(launch);
	open.wandb_log_frequency = 100;
	open.feature_sampling_window = 100;
	open.rank = rank;
	open.world_size = n;
	rig_stream_id(&open, stream);
	return open;
}

static struct stream *begun(struct rig *rig, uint32_t rank, uint32_t n) {
	struct msg_open open = open_of("A", (uint8_t)(rank + 1), rank, n);
	return rig_must_open(rig, &open);
}

static enum apply_result say(struct rig *rig, struct stream *s, uint32_t lap, int64_t step,
	const char *key, double value) {
	struct log_entry entry;
	struct message m = rig_msg_log(stream_received(s) + 1, step, &entry, key, value);
	m.log.lap = lap;
	return rig_apply(rig, s, &m);
}

static void logged(struct rig *rig, struct stream *s, uint32_t lap, int64_t step, double value) {
	assert_int_equal(say(rig, s, lap, step, "loss", value), APPLY_TAKEN);
}

static void refused(struct rig *rig, struct stream *s, uint32_t lap, const char *words) {
	assert_int_equal(say(rig, s, lap, 4, "loss", 1), APPLY_REFUSED);
	assert_int_equal(rig->error.code, ERROR_BAD_STEP);
	assert_string_equal(rig->error.words, words);
}

static enum apply_result train(struct rig *rig, struct stream *s, uint32_t step) {
	uint32_t counts[D_SAE] = {1, 1};
	struct message m = rig_msg_step(stream_received(s) + 1, step, 2, counts, D_SAE);
	return rig_apply(rig, s, &m);
}

static void finish(struct rig *rig, struct stream *s) {
	struct message m = rig_msg_finish(stream_received(s) + 1, 0);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	rig_commit(rig);
}

/* What that line has of the loss; LINE_NONE: what came too late for it. */
static double loss(const struct rig *rig, int attempt, uint32_t step, int64_t ordinal) {
	char begin[64];
	(void)snprintf(begin, sizeof begin, "line attempt=%d step=%u ordinal=%lld ", attempt, step,
		(long long)ordinal);
	const char *line = rig_find(rig, begin, 0);
	if (line == NULL) {
		rig_dump(rig);
		fail_msg("no %s", begin);
	}
	return rig_number(line, "3:loss");
}

static void assert_attempt(const struct rig *rig, size_t n, const char *words) {
	const char *line = rig_find(rig, "attempt ", n);
	assert_non_null(line);
	assert_non_null(strstr(line, words));
}

static void a_run_that_only_logs_begins_an_attempt_where_its_trainer_begins_again(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	for (int step = 0; step < 6; step++) {
		logged(rig, s, 0, step, step);
	}
	logged(rig, s, 1, 3, 30);
	logged(rig, s, 1, 4, 40);
	logged(rig, s, 1, 7, 70);
	finish(rig, s);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_attempt(rig, 0, "attempt=1 launch=A lap=0 first=0");
	assert_attempt(rig, 1, "attempt=2 launch=A lap=1 first=3");
	assert_non_null(strstr(rig_find(rig, "attempt ", 1), "from=start")); /* it did not go on */
	assert_true(loss(rig, 1, 3, 3) == 3);
	assert_true(loss(rig, 1, 5, 5) == 5);
	assert_true(loss(rig, 2, 3, 6) == 30);
	assert_true(loss(rig, 2, 4, 7) == 40);
	assert_true(loss(rig, 2, 7, 8) == 70);
	assert_int_equal(rig_count(rig, "line "), 9);
	assert_int_equal((int)rig->row.attempt, 2);
	assert_int_equal((int)rig->row.refused, 0);
}

static void what_comes_late_is_of_the_attempt_it_comes_in(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	logged(rig, s, 0, 8, 8);
	logged(rig, s, 0, 9, 9);
	logged(rig, s, 0, 2, 2); /* no lap: a straggler */
	logged(rig, s, 1, 5, 5);
	logged(rig, s, 0, 6, 6); /* 0 says nothing: it is of the lap that its stream is in */
	logged(rig, s, 1, 3, 3);
	logged(rig, s, 2, -1, 7); /* before any step of its own */
	logged(rig, s, 2, 1, 1);
	finish(rig, s);
	assert_int_equal(rig_count(rig, "attempt "), 3);
	assert_true(loss(rig, 1, 2, LINE_NONE) == 2);
	assert_true(loss(rig, 1, 9, 1) == 9);
	assert_true(loss(rig, 2, 5, 2) == 5);
	assert_true(loss(rig, 2, 6, 3) == 6);
	assert_true(loss(rig, 2, 3, LINE_NONE) == 3);
	assert_true(loss(rig, 3, 0, 4) == 7);
	assert_true(loss(rig, 3, 1, 5) == 1);
}

static void a_lap_that_is_over_or_out_of_range_is_refused(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	logged(rig, s, 2, 4, 1);
	refused(rig, s, 1, "LOG: lap 1 is out of range, or over: its stream is in lap 2");
	refused(rig, s, LAP_MAX + 1,
		"LOG: lap 2147483646 is out of range, or over: its stream is in lap 2");
	logged(rig, s, 2, 5, 2);
	finish(rig, s);
	assert_int_equal(rig_count(rig, "attempt "), 1);
	assert_true(loss(rig, 1, 4, 0) == 1);
	assert_int_equal((int)rig->row.refused, 2);
}

static void a_lap_outlives_the_daemon(void **state) {
	struct rig *rig = *state;
	struct msg_open open = open_of("A", 1, 0, 1);
	struct stream *s = rig_must_open(rig, &open);
	logged(rig, s, 0, 8, 8);
	logged(rig, s, 1, 5, 5);
	rig_commit(rig); /* its attempt has not begun: its first line is open */
	rig_crash(rig, false);
	s = rig_must_open(rig, &open);
	logged(rig, s, 1, 6, 6);
	rig_commit(rig);
	rig_crash(rig, false);
	s = rig_must_open(rig, &open);
	refused(rig, s, LAP_MAX + 1,
		"LOG: lap 2147483646 is out of range, or over: its stream is in lap 1");
	logged(rig, s, 1, 7, 7);
	finish(rig, s);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_true(loss(rig, 1, 8, 0) == 8);
	assert_true(loss(rig, 2, 5, 1) == 5);
	assert_true(loss(rig, 2, 6, 2) == 6);
	assert_true(loss(rig, 2, 7, 3) == 7);
}

static void what_a_run_logged_for_is_known_to_its_next_launch_whenever_the_daemon_dies(
	void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	logged(rig, s, 0, 8, 8);
	logged(rig, s, 1, 5, 5);
	finish(rig, s);
	registry_disconnected(rig->registry, s, rig->now);
	rig_crash(rig, false);
	struct msg_open open = open_of("B", 2, 0, 1);
	(void)rig_must_open(rig, &open);
	assert_true(rig->opened.has_last_step);
	assert_int_equal((int)rig->opened.last_step, 8);
	rig_commit(rig);
	rig_crash(rig, false); /* before it had logged anything */
	s = rig_must_open(rig, &open);
	assert_true(rig->opened.has_last_step);
	assert_int_equal((int)rig->opened.last_step, 8);
	logged(rig, s, 0, 7, 7);
	finish(rig, s);
	assert_attempt(rig, 2, "attempt=3 launch=B lap=0 first=7");
	assert_non_null(strstr(rig_find(rig, "attempt ", 2), "from=start"));
}

static void steps_in_a_lap_that_a_log_began_are_of_its_attempt(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	for (uint32_t step = 0; step < 5; step++) {
		assert_int_equal(train(rig, s, step), APPLY_TAKEN);
		logged(rig, s, 0, step, step);
	}
	logged(rig, s, 1, 2, 20);
	logged(rig, s, 1, 3, 30);
	assert_int_equal(train(rig, s, 3), APPLY_TAKEN); /* rig: of the lap that the LOG began */
	assert_int_equal(train(rig, s, 4), APPLY_TAKEN);
	logged(rig, s, 1, 3, 31);
	logged(rig, s, 1, 4, 40);
	finish(rig, s);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_attempt(rig, 1, "attempt=2 launch=A lap=1 first=2");
	assert_int_equal(rig_count(rig, "step attempt=1 "), 5);
	assert_int_equal(rig_count(rig, "step attempt=2 "), 2);
	assert_true(loss(rig, 1, 4, 4) == 4);
	assert_true(loss(rig, 2, 2, 5) == 20);
	assert_true(loss(rig, 2, 3, 6) == 30);
	assert_true(loss(rig, 2, 3, LINE_NONE) == 31);
	assert_true(loss(rig, 2, 4, 7) == 40);
	assert_int_equal((int)rig->row.late, 0);
	assert_int_equal((int)rig->row.refused, 0);
}

static void a_lap_that_only_logs_behind_one_with_steps_has_room_without_end(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	assert_int_equal(train(rig, s, 0), APPLY_TAKEN);
	logged(rig, s, 0, 0, 5);
	for (int step = 0; step < 1000; step++) {
		logged(rig, s, 1, step, step);
	}
	finish(rig, s);
	assert_true(loss(rig, 1, 0, 0) == 5);
	assert_true(loss(rig, 2, 999, 1000) == 999);
	assert_int_equal(rig_count(rig, "attempt "), 2);
}

static void a_state_may_be_handed_over_in_a_lap_that_a_log_began(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	uint8_t *data;
	size_t len;
	uint32_t step;
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(train(rig, s, i), APPLY_TAKEN);
	}
	assert_int_equal(run_export(stream_run(s), &data, &len, &step), 0);
	logged(rig, s, 1, 4, 4);
	logged(rig, s, 1, 5, 5);
	struct message m = rig_msg_restore(stream_received(s) + 1, step, data, len);
	m.restore.lap = 1;
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	assert_int_equal(train(rig, s, 5), APPLY_TAKEN);
	finish(rig, s);
	free(data);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_int_equal(rig_count(rig, "step attempt=2 step=5 "), 1);
	assert_int_equal((int)rig->row.refused, 0);
}

static void ranks_that_begin_again_one_by_one_meet_in_the_lap(void **state) {
	struct rig *rig = *state;
	struct stream *a = begun(rig, 0, 2), *b = begun(rig, 1, 2);
	for (int step = 0; step < 4; step++) {
		logged(rig, a, 0, step, step);
	}
	logged(rig, a, 1, 2, 20);
	assert_int_equal(say(rig, b, 0, 3, "other", 7), APPLY_TAKEN); /* it is not there yet */
	assert_int_equal(say(rig, b, 1, 2, "other", 8), APPLY_TAKEN);
	finish(rig, a);
	finish(rig, b);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_true(loss(rig, 1, 3, 3) == 3);
	assert_true(rig_number(rig_find(rig, "line attempt=1 step=3 ", 0), "3:other") == 7);
	assert_true(loss(rig, 2, 2, 4) == 20);
	assert_true(rig_number(rig_find(rig, "line attempt=2 step=2 ", 0), "3:other") == 8);
}

/* It waits with the step before it; and the rank has passed whatever the others stand at. */
static void a_log_that_begins_a_lap_waits_its_turn(void **state) {
	struct rig *rig = *state;
	struct stream *a = begun(rig, 0, 2), *b = begun(rig, 1, 2);
	assert_int_equal(train(rig, a, 0), APPLY_TAKEN);
	logged(rig, a, 0, 0, 1);
	logged(rig, a, 1, 0, 10);
	assert_int_equal(stream_applied(a), 0);
	assert_int_equal(train(rig, b, 0), APPLY_TAKEN);
	assert_int_equal(train(rig, b, 1), APPLY_TAKEN);
	assert_int_equal(stream_applied(a), 3);
	assert_int_equal(stream_applied(b), 2); /* step 1 does not wait for a */
	assert_int_equal(train(rig, a, 0), APPLY_TAKEN);
	assert_int_equal(train(rig, b, 0), APPLY_TAKEN);
	finish(rig, a);
	finish(rig, b);
	assert_int_equal(rig_count(rig, "attempt "), 2);
	assert_true(loss(rig, 1, 0, 0) == 1);
	assert_int_equal(rig_count(rig, "line attempt=2 step=0 "), 1);
	assert_int_equal(rig_count(rig, "step attempt=2 "), 1);
	assert_int_equal((int)rig->row.late, 0);
}

static void a_process_that_takes_over_a_rank_that_had_begun_again_is_behind_its_laps(void **state) {
	struct rig *rig = *state;
	struct stream *s = begun(rig, 0, 1);
	logged(rig, s, 0, 8, 8);
	logged(rig, s, 1, 5, 5);
	registry_disconnected(rig->registry, s, rig->now);
	struct msg_open open = open_of("A", 77, 0, 1);
	s = rig_must_open(rig, &open);
	logged(rig, s, 0, 1, 1);
	logged(rig, s, 1, 0, 2);
	finish(rig, s);
	assert_int_equal(rig_count(rig, "attempt "), 4);
	assert_true(loss(rig, 2, 5, 1) == 5);
	assert_true(loss(rig, 3, 1, 2) == 1);
	assert_true(loss(rig, 4, 0, 3) == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_run_that_only_logs_begins_an_attempt_where_its_trainer_begins_again),
		TEST(what_comes_late_is_of_the_attempt_it_comes_in),
		TEST(a_lap_that_is_over_or_out_of_range_is_refused),
		TEST(a_lap_outlives_the_daemon),
		TEST(what_a_run_logged_for_is_known_to_its_next_launch_whenever_the_daemon_dies),
		TEST(steps_in_a_lap_that_a_log_began_are_of_its_attempt),
		TEST(a_lap_that_only_logs_behind_one_with_steps_has_room_without_end),
		TEST(a_state_may_be_handed_over_in_a_lap_that_a_log_began),
		TEST(ranks_that_begin_again_one_by_one_meet_in_the_lap),
		TEST(a_log_that_begins_a_lap_waits_its_turn),
		TEST(a_process_that_takes_over_a_rank_that_had_begun_again_is_behind_its_laps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

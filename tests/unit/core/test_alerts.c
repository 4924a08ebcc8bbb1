/* From a run's steps to alerts in its rows, over crashes of the daemon, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static void set_rules(struct rig *rig, const struct alert_rules *rules) {
	rig->options.alerts = *rules;
	registry_set_alerts(rig->registry, rules);
}

#define ROWS 60 /* of a step: thirty for each feature */

static void steps_of(struct rig *rig, struct stream *s, uint32_t from, uint32_t to, uint32_t n_rows,
	uint32_t c0, uint32_t c1) {
	for (uint32_t step = from; step < to; step++) {
		rig_step(rig, s, step, n_rows, c0, c1);
	}
	rig_commit(rig);
}

/* W 3, dead window 1: from step 2 on the count is exact, and the dead window has passed twice. */
static void steps(
	struct rig *rig, struct stream *s, uint32_t from, uint32_t to, uint32_t c0, uint32_t c1) {
	steps_of(rig, s, from, to, ROWS, c0, c1);
}

static void assert_alert(const struct rig *rig, size_t n, const char *expected) {
	const char *line = rig_find(rig, "alert ", n);
	assert_non_null(line);
	if (strstr(line, expected) == NULL) {
		assert_string_equal(line, expected);
	}
}

static void dead_features_begin_an_alert_and_their_return_ends_it(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.dead_share = 0.4};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	steps(rig, s, 0, 12, 1, 0);
	assert_int_equal(rig_count(rig, "alert "), 1);
	assert_alert(rig, 0, "kind=dead begins=1 words=50 % of the features are dead (1 of 2)");
	steps(rig, s, 12, 24, 1, 1);
	assert_int_equal(rig_count(rig, "alert "), 2);
	assert_alert(rig, 1, "kind=dead begins=0 words=0 % of the features are dead");
	assert_int_equal(rig_count(rig, "event attempt=1 step="), 2);
}

static void a_dead_window_of_a_few_rows_is_no_reason_for_an_alert(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.dead_share = 0.4};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	steps_of(rig, s, 0, 12, ROWS / 2, 1, 0);
	assert_non_null(strstr(rig_find(rig, "window ", 3), "dead=1"));
	assert_int_equal(rig_count(rig, "alert "), 0);
}

/* Its features have been silent for no longer than it is there. */
static void a_run_whose_first_step_has_a_high_number_has_its_dead_window_before_it(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.dead_share = 0.4};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	open.dead_feature_window = 4;
	struct stream *s = rig_must_open(rig, &open);
	steps(rig, s, 3000, 3007, 1, 0); /* the window through 3,005: dead, and not twice as long */
	assert_non_null(strstr(rig_find(rig, "window ", 1), "dead=1"));
	assert_int_equal(rig_count(rig, "alert "), 0);
	steps(rig, s, 3007, 3010, 1, 0);
	assert_alert(rig, 0, "kind=dead begins=1");
}

static void an_alert_that_holds_does_not_begin_again_after_a_crash(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.dead_share = 0.4};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	steps(rig, rig_must_open(rig, &open), 0, 8, 1, 0);
	assert_int_equal(rig_count(rig, "alert "), 1);
	rig_crash(rig, false);
	set_rules(rig, &rules);
	steps(rig, rig_must_open(rig, &open), 8, 20, 1, 0);
	assert_int_equal(rig_count(rig, "alert "), 1);
	steps(rig, rig->stream, 20, 30, 1, 1);
	assert_alert(rig, 1, "kind=dead begins=0");
}

/* Means are over the window: rig steps have l0 by their counts. */
static void l0_is_the_mean_of_the_windows_steps(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.l0_max = 0.75};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	for (uint32_t step = 0; step < 6; step++) {
		rig_step(rig, s, step, 2, step % 3 == 0 ? 2 : 1, 0); /* 1, then 0.5 twice */
	}
	rig_commit(rig);
	assert_int_equal(rig_count(rig, "alert "), 0);
	steps_of(rig, s, 6, 12, 2, 2, 0);
	assert_int_equal(rig_count(rig, "alert "), 1);
	assert_alert(
		rig, 0, "kind=l0 begins=1 words=l0 is 0.8333 over window 2, above l0_max = 0.75");
}

/* A window of three steps, the last of which come so long after each other by the trainer's clock. */
static void timed_window(
	struct rig *rig, struct stream *s, uint32_t window, double step_s, double *elapsed_s) {
	static const uint32_t counts[] = {1, 1};
	for (uint32_t step = 3 * window; step < 3 * window + 3; step++) {
		struct message m = rig_msg_step(step + 1, step, 2, counts, 2);
		*elapsed_s += step_s;
		m.step.elapsed_s = *elapsed_s;
		assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	}
	rig_commit(rig);
}

static void a_run_at_half_its_speed_is_an_alert_until_it_ends(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.throughput_share = 0.5};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	double elapsed_s = 0;
	for (uint32_t window = 0; window < 8; window++) {
		timed_window(rig, s, window, 1, &elapsed_s);
	}
	assert_int_equal(rig_count(rig, "alert "), 0);
	for (uint32_t window = 8; window < 12; window++) {
		timed_window(rig, s, window, 3, &elapsed_s);
	}
	assert_int_equal(rig_count(rig, "alert "), 1);
	assert_alert(rig, 0,
		"kind=throughput begins=1 words=1 tokens/s over window 9, 33.3 % of what "
		"was usual (2)");
	struct message m = rig_msg_finish(37, 0);
	assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	rig_commit(rig);
	assert_alert(rig, 1, "kind=throughput begins=0 words=the run has ended");
}

/* Milliseconds tell of the machine. */
static void windows_that_take_no_second_are_never_slow(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.throughput_share = 0.5};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	double elapsed_s = 0;
	for (uint32_t window = 0; window < 16; window++) {
		timed_window(rig, s, window, window < 8 ? 0.001 : 0.3, &elapsed_s);
	}
	assert_int_equal(rig_count(rig, "alert "), 0);
}

static void a_window_that_is_not_whole_is_not_judged(void **state) {
	struct rig *rig = *state;
	const struct alert_rules rules = {.dead_share = 0.4, .l0_max = 0.1};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	struct stream *s = rig_must_open(rig, &open);
	for (uint32_t step = 0; step < 30; step += 2) {
		rig_step(rig, s, step, 2, 2, 0);
	}
	rig_commit(rig);
	assert_true(rig_count(rig, "window ") > 5);
	assert_int_equal(rig_count(rig, "alert "), 0);
}

static void bad(struct rig *rig, bool keeps) {
	const struct alert_rules rules = {.keeps_bad_runs = keeps};
	set_rules(rig, &rules);
	struct msg_open open = rig_msg_open(2);
	open.has_min_l0 = open.has_min_explained_variance = true;
	open.min_l0 = 5;
	open.min_explained_variance = 0.3;
	static const struct text names[] = {{"explained_variance", 18}};
	open.n_scalars = 1;
	open.scalars[0] = names[0];
	static const uint32_t counts[] = {1, 1};
	struct stream *s = rig_must_open(rig, &open);
	for (uint32_t step = 0; step < 8; step++) {
		struct message m = rig_msg_step(step + 1, step, 2, counts, 2);
		rig_add_scalar(&m, step < 4 ? 0.1 : 0.9);
		assert_int_equal(rig_apply(rig, s, &m), APPLY_TAKEN);
	}
	rig_commit(rig);
	rig_notices(rig);
}

static void a_bad_run_is_an_alert_and_stops_as_the_reference_does(void **state) {
	struct rig *rig = *state;
	bad(rig, false);
	assert_int_equal(rig_count(rig, "alert "), 1);
	assert_alert(rig, 0, "kind=bad_run begins=1 words=step 1: l0 1 is below min_l0 5");
	assert_int_equal(rig->n_stops, 1);
	assert_string_equal(rig->row.state, "stopped");
}

static void or_it_is_an_alert_alone_and_the_run_logs_on(void **state) {
	struct rig *rig = *state;
	bad(rig, true);
	assert_int_equal(rig_count(rig, "alert "), 2);
	assert_alert(rig, 0, "kind=bad_run begins=1");
	assert_alert(rig, 1, "kind=bad_run begins=0 words=a logged step is above again");
	assert_int_equal(rig->n_stops, 0);
	assert_string_equal(rig->row.state, "running");
	assert_true(rig_count(rig, "line ") >= 3);
}

static void without_rules_there_are_no_alerts(void **state) {
	struct rig *rig = *state;
	struct msg_open open = rig_msg_open(2);
	steps(rig, rig_must_open(rig, &open), 0, 30, 2, 0);
	assert_int_equal(rig_count(rig, "alert "), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
		TEST(dead_features_begin_an_alert_and_their_return_ends_it),
		TEST(a_dead_window_of_a_few_rows_is_no_reason_for_an_alert),
		TEST(a_run_whose_first_step_has_a_high_number_has_its_dead_window_before_it),
		TEST(an_alert_that_holds_does_not_begin_again_after_a_crash),
		TEST(l0_is_the_mean_of_the_windows_steps),
		TEST(a_run_at_half_its_speed_is_an_alert_until_it_ends),
		TEST(windows_that_take_no_second_are_never_slow),
		TEST(a_window_that_is_not_whole_is_not_judged),
		TEST(a_bad_run_is_an_alert_and_stops_as_the_reference_does),
		TEST(or_it_is_an_alert_alone_and_the_run_logs_on),
		TEST(without_rules_there_are_no_alerts),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("alerts", tests, NULL, NULL);
}

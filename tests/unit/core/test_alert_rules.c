/* Windows in, alerts out: what begins, what ends, and above all what stays quiet. */
#include "alert_rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct alert_rules presets = {.dead_share = 0.5, .throughput_share = 0.5};

static struct alert_state state;
static struct alert_change changes[RULE_COUNT];
static uint32_t n_changes;

static int setup(void **unused) {
	(void)unused;
	state = (struct alert_state){0};
	return 0;
}

static struct alert_window healthy(uint32_t window) {
	return (struct alert_window){
		.attempt = 1,
		.window = window,
		.step_last = 1000 * window + 999,
		.d_sae = 1000,
		.dead_window_rows = 4096000,
		.dead_counts = true,
		.l0 = 60,
		.explained_variance = 0.8,
		.rows_per_s = 70000,
	};
}

static void judge(const struct alert_rules *rules, const struct alert_window *w) {
	n_changes = alert_rules_judge(rules, &state, w, changes);
}

static void assert_quiet(void) {
	assert_int_equal(n_changes, 0);
}

static void assert_one(enum alert_rule rule, bool begins, const char *words) {
	assert_int_equal(n_changes, 1);
	assert_int_equal(changes[0].rule, rule);
	assert_int_equal(changes[0].begins, begins);
	if (strstr(changes[0].words, words) == NULL) {
		assert_string_equal(changes[0].words, words);
	}
	assert_int_equal(alert_is_on(&state, rule), begins);
}

static void dead(uint32_t window, uint32_t n) {
	struct alert_window w = healthy(window);
	w.dead_features = n;
	judge(&presets, &w);
}

static void more_dead_features_than_are_allowed_are_an_alert_until_there_are_clearly_fewer(
	void **unused) {
	(void)unused;
	dead(0, 500);
	assert_quiet();
	dead(1, 501);
	assert_one(RULE_DEAD, true,
		"50.1 % of the features are dead (501 of 1,000) after window 1; dead = 50%");
	dead(2, 900);
	assert_quiet();
	dead(3, 451); /* below, but hardly */
	assert_quiet();
	dead(4, 450);
	assert_one(RULE_DEAD, false, "45 %");
	dead(5, 460);
	assert_quiet();
}

static void dead_features_that_are_not_counted_exactly_yet_are_none(void **unused) {
	(void)unused;
	struct alert_window w = healthy(0);
	w.dead_features = 1000;
	w.dead_counts = false;
	judge(&presets, &w);
	assert_quiet();
}

/* 1,000 features, l0 60: a mean feature fires thirty times in 500 rows. */
static void a_dead_window_too_short_for_a_feature_that_fires_seldom_tells_nothing(void **unused) {
	(void)unused;
	struct alert_window w = healthy(0);
	w.dead_features = 1000;
	w.dead_window_rows = 499;
	judge(&presets, &w);
	assert_quiet();
	w.dead_window_rows = 500;
	judge(&presets, &w);
	assert_one(RULE_DEAD, true, "100 %");
}

static void that_nearly_all_have_died_is_heard_though_hardly_any_fires(void **unused) {
	(void)unused;
	struct alert_window w = healthy(0);
	w.dead_features = 990;
	w.dead_window_rows = 30000;
	w.l0 = 0.001;
	judge(&presets, &w);
	assert_one(RULE_DEAD, true, "99 %");
	w.dead_features = 0;
	judge(&presets, &w);
	assert_one(RULE_DEAD, false, "0 %");
	w.dead_features = 990;
	w.l0 = (double)NAN;
	judge(&presets, &w);
	assert_one(RULE_DEAD, true, "99 %");
}

static void l0(double l0_min, double l0_max, uint32_t window, double value) {
	struct alert_rules rules = {.l0_min = l0_min, .l0_max = l0_max};
	struct alert_window w = healthy(window);
	w.l0 = value;
	judge(&rules, &w);
}

static void l0_outside_its_bounds_is_an_alert_on_either_side(void **unused) {
	(void)unused;
	l0(10, 100, 0, 100);
	assert_quiet();
	l0(10, 100, 1, 101);
	assert_one(RULE_L0, true, "l0 is 101 over window 1, above l0_max = 100");
	l0(10, 100, 2, 97);
	assert_quiet();
	l0(10, 100, 3, 95);
	assert_one(RULE_L0, false, "l0 is 95 over window 3");
	l0(10, 100, 4, 9);
	assert_one(RULE_L0, true, "below l0_min = 10");
	l0(10, 100, 5, 200); /* on the other side: it goes on */
	assert_quiet();
	l0(10, 100, 6, 10.5);
	assert_one(RULE_L0, false, "");
	l0(0, 100, 7, 0.001);
	assert_quiet();
	l0(10, 0, 8, 1e9);
	assert_quiet();
	l0(10, 100, 9, (double)NAN);
	assert_quiet();
}

static void between_bounds_that_are_close_an_alert_ends_too(void **unused) {
	(void)unused;
	l0(96, 100, 0, 101);
	assert_one(RULE_L0, true, "");
	l0(96, 100, 1, 99.5);
	assert_quiet();
	l0(96, 100, 2, 98);
	assert_one(RULE_L0, false, "l0 is 98");
	l0(96, 100, 3, 95);
	assert_one(RULE_L0, true, "");
	l0(96, 100, 4, 97);
	assert_one(RULE_L0, false, "l0 is 97");
}

static void variance(uint32_t window, double value) {
	const struct alert_rules rules = {.explained_variance_min = 0.5};
	struct alert_window w = healthy(window);
	w.explained_variance = value;
	judge(&rules, &w);
}

static void a_variance_below_its_floor_is_an_alert(void **unused) {
	(void)unused;
	variance(0, 0.5);
	assert_quiet();
	variance(1, -0.2);
	assert_one(RULE_EXPLAINED_VARIANCE, true,
		"explained_variance is -0.2 over window 1; explained_variance_min = 0.5");
	variance(2, 0.505);
	assert_quiet();
	variance(3, 0.51);
	assert_one(RULE_EXPLAINED_VARIANCE, false, "0.51");
	variance(4, (double)NAN);
	assert_quiet();
}

static void rate(uint32_t attempt, uint32_t window, double rows_per_s) {
	struct alert_window w = healthy(window);
	w.attempt = attempt;
	w.rows_per_s = rows_per_s;
	judge(&presets, &w);
}

static void usual(uint32_t n) {
	for (uint32_t i = 0; i < n; i++) {
		rate(1, i, 70000 + 1000.0 * (i % 3));
		assert_quiet();
	}
}

static void half_the_speed_in_two_windows_is_an_alert_until_it_is_three_quarters(void **unused) {
	(void)unused;
	usual(6);
	rate(1, 6, 34000);
	assert_quiet(); /* an evaluation, perhaps */
	rate(1, 7, 34000);
	assert_one(RULE_THROUGHPUT, true,
		"34.0k tokens/s over window 7, 47.9 % of what was usual (71.0k); throughput = 50%");
	for (uint32_t i = 8; i < 40; i++) {
		rate(1, i, 34000); /* it does not become what is usual */
		assert_quiet();
	}
	rate(1, 40, 50000);
	assert_quiet();
	rate(1, 41, 54000);
	assert_one(RULE_THROUGHPUT, false, "");
}

static void one_slow_window_now_and_then_is_none(void **unused) {
	(void)unused;
	usual(6);
	for (uint32_t i = 6; i < 40; i++) {
		rate(1, i, i % 2 == 0 ? 10000 : 70000);
		assert_quiet();
	}
}

static void what_is_usual_has_to_be_known_first(void **unused) {
	(void)unused;
	usual(3);
	for (uint32_t i = 3; i < 6; i++) {
		rate(1, i, i == 3 ? 70000 : 100);
	}
	assert_one(RULE_THROUGHPUT, true, "");
	state = (struct alert_state){0};
	for (uint32_t i = 0; i < 3; i++) {
		rate(1, i, 70000);
	}
	rate(1, 3, 100); /* the fourth says what is usual, too: the median of four */
	rate(1, 4, (double)NAN);
	assert_quiet();
}

static void another_attempt_is_as_fast_as_it_is(void **unused) {
	(void)unused;
	usual(6);
	for (uint32_t i = 6; i < 12; i++) {
		rate(2, i, 100);
		assert_quiet();
	}
	setup(NULL);
	usual(6);
	rate(1, 6, 100);
	rate(1, 7, 100);
	assert_one(RULE_THROUGHPUT, true, "");
	rate(2, 8, 100);
	assert_one(RULE_THROUGHPUT, false, "another attempt has begun");
}

static void a_run_that_has_ended_is_not_slow(void **unused) {
	(void)unused;
	usual(6);
	rate(1, 6, 100);
	rate(1, 7, 100);
	n_changes = alert_rules_end(&state, changes);
	assert_one(RULE_THROUGHPUT, false, "the run has ended");
	n_changes = alert_rules_end(&state, changes);
	assert_quiet();
}

static void what_does_not_say_how_a_run_stands_ends_with_it_unchanged(void **unused) {
	(void)unused;
	dead(0, 900);
	assert_one(RULE_DEAD, true, "");
	n_changes = alert_rules_end(&state, changes);
	assert_quiet();
	assert_true(alert_is_on(&state, RULE_DEAD));
}

static void a_rule_that_is_turned_off_ends_its_alert(void **unused) {
	(void)unused;
	const struct alert_rules none = {0};
	dead(0, 900);
	struct alert_window w = healthy(1);
	w.dead_features = 900;
	judge(&none, &w);
	assert_one(RULE_DEAD, false, "no longer looked at");
	judge(&none, &w);
	assert_quiet();
}

static void presets_are_quiet_on_a_healthy_run(void **unused) {
	(void)unused;
	for (uint32_t i = 0; i < 1000; i++) {
		struct alert_window w = healthy(i);
		w.dead_features = i * 7 % 400;
		w.l0 = i < 5 ? 3900 : 60 + i % 7;
		w.explained_variance = i < 5 ? -0.5 : 0.8;
		w.rows_per_s = 70000 * (0.6 + 0.4 * (i * 37 % 101) / 100.0);
		judge(&presets, &w);
		assert_quiet();
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup(test, setup)
		T(more_dead_features_than_are_allowed_are_an_alert_until_there_are_clearly_fewer),
		T(dead_features_that_are_not_counted_exactly_yet_are_none),
		T(a_dead_window_too_short_for_a_feature_that_fires_seldom_tells_nothing),
		T(that_nearly_all_have_died_is_heard_though_hardly_any_fires),
		T(l0_outside_its_bounds_is_an_alert_on_either_side),
		T(between_bounds_that_are_close_an_alert_ends_too),
		T(a_variance_below_its_floor_is_an_alert),
		T(half_the_speed_in_two_windows_is_an_alert_until_it_is_three_quarters),
		T(one_slow_window_now_and_then_is_none),
		T(what_is_usual_has_to_be_known_first),
		T(another_attempt_is_as_fast_as_it_is),
		T(a_run_that_has_ended_is_not_slow),
		T(what_does_not_say_how_a_run_stands_ends_with_it_unchanged),
		T(a_rule_that_is_turned_off_ends_its_alert),
		T(presets_are_quiet_on_a_healthy_run),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("alert rules", tests, NULL, NULL);
}

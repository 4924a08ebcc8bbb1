#include "retention.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY 86400.0
#define NOW (1700000000.0 + 400 * DAY)

static struct retention policy(uint64_t steps_d, uint64_t windows_d, uint64_t runs_d) {
	return (struct retention){
		.steps_s = steps_d * 86400,
		.windows_s = windows_d * 86400,
		.runs_s = runs_d * 86400,
		.max_db_bytes = UINT64_MAX,
	};
}

/* Of a run that ended so many days ago, and did everything then. */
static struct retention_run ended_run(double days) {
	double then = NOW - days * DAY;
	return (struct retention_run){
		.ended = true,
		.accepted_step = -1,
		.quiet_since = then,
		.steps_limit = 1000,
		.step_time = then,
		.line_time = then,
		.window_time = then,
	};
}

static bool goes(
	const struct retention *r, const struct retention_run *run, enum retention_what what) {
	return retention_takes(r, run, what, retention_before(r, what, NOW));
}

static void what_is_older_than_its_time_goes_and_nothing_else(void **state) {
	(void)state;
	struct retention r = policy(90, 180, 365);
	struct retention_run run = ended_run(89);
	for (int what = 0; what < RETENTION_N_WHAT; what++) {
		assert_false(goes(&r, &run, (enum retention_what)what));
	}
	run = ended_run(91);
	assert_true(goes(&r, &run, RETENTION_STEPS));
	assert_true(goes(&r, &run, RETENTION_LINES));
	assert_false(goes(&r, &run, RETENTION_WINDOWS));
	run = ended_run(181);
	assert_true(goes(&r, &run, RETENTION_WINDOWS));
	assert_false(goes(&r, &run, RETENTION_RUN));
	run = ended_run(366);
	assert_true(goes(&r, &run, RETENTION_RUN));
}

static void by_default_everything_stays(void **state) {
	(void)state;
	struct retention_run run = ended_run(399);
	assert_false(retention_is_set(&retention_none));
	for (int what = 0; what < RETENTION_N_WHAT; what++) {
		assert_false(goes(&retention_none, &run, (enum retention_what)what));
	}
	assert_false(retention_presses(&retention_none, UINT64_MAX, true));
}

static void a_run_that_goes_on_loses_rows_but_never_goes(void **state) {
	(void)state;
	struct retention r = policy(1, 1, 1);
	struct retention_run run = ended_run(10);
	run.ended = false;
	assert_true(goes(&r, &run, RETENTION_STEPS));
	assert_true(goes(&r, &run, RETENTION_WINDOWS));
	assert_false(goes(&r, &run, RETENTION_RUN));
	assert_false(retention_takes(&r, &run, RETENTION_RUN, INFINITY));
}

static void rows_that_are_not_there_do_not_go(void **state) {
	(void)state;
	struct retention r = policy(1, 1, 1);
	struct retention_run run = ended_run(10);
	run.step_time = run.line_time = run.window_time = NAN;
	assert_false(retention_takes(&r, &run, RETENTION_STEPS, INFINITY));
	assert_false(retention_takes(&r, &run, RETENTION_LINES, INFINITY));
	assert_false(retention_takes(&r, &run, RETENTION_WINDOWS, INFINITY));
}

static void the_newest_steps_stay_however_old_they_are(void **state) {
	(void)state;
	struct retention r = policy(1, 1, 1);
	struct retention_run run = ended_run(10);
	run.steps_from = run.steps_limit;
	assert_false(goes(&r, &run, RETENTION_STEPS));
	run.steps_limit = -5; /* fewer steps than stay */
	run.steps_from = 0;
	assert_false(goes(&r, &run, RETENTION_STEPS));
}

static void a_run_that_waits_for_wandb_stays_and_so_do_the_lines_from_where_wandb_is(void **state) {
	(void)state;
	struct retention r = policy(1, 1, 1);
	struct retention_run run = ended_run(10);
	run.waits_for_wandb = true;
	run.accepted_step = 500;
	run.line_step = 499;
	assert_true(goes(&r, &run, RETENTION_LINES));
	run.line_step = 500;
	assert_false(goes(&r, &run, RETENTION_LINES));
	assert_true(goes(&r, &run, RETENTION_STEPS));
	assert_false(goes(&r, &run, RETENTION_RUN));
	assert_false(retention_takes(&r, &run, RETENTION_RUN, INFINITY));
	run.accepted_step = -1; /* it has nothing yet */
	run.line_step = 0;
	assert_false(goes(&r, &run, RETENTION_LINES));
}

static void with_wandb_off_nothing_waits_for_it(void **state) {
	(void)state;
	struct retention r = policy(1, 1, 1);
	struct retention_run run = ended_run(10);
	run.waits_for_wandb = r.wandb_off = true;
	run.line_step = 700;
	assert_true(goes(&r, &run, RETENTION_LINES));
	assert_true(goes(&r, &run, RETENTION_RUN));
}

static void a_database_presses_from_its_limit_down_to_nine_tenths_of_it(void **state) {
	(void)state;
	struct retention r = retention_none;
	r.max_db_bytes = 1000;
	assert_true(retention_is_set(&r));
	assert_false(retention_presses(&r, 1000, false));
	assert_true(retention_presses(&r, 1001, false));
	assert_true(retention_presses(&r, 901, true));
	assert_false(retention_presses(&r, 900, true));
	assert_false(retention_presses(&r, 950, false));
}

static void so_many_steps_stay_that_a_curve_can_be_drawn_of_any_run(void **state) {
	(void)state;
	assert_int_equal(retention_curve_stride(0), 1);
	assert_int_equal(retention_curve_stride(128), 1);
	for (int64_t n = 129; n < 3000000; n = n * 3 / 2) {
		int64_t stride = retention_curve_stride(n);
		assert_int_equal(stride & (stride - 1),
			0); /* so that those of today are among those of before */
		assert_in_range(n / stride, 64, 128);
	}
}

static void a_pass_is_a_hundredth_of_the_shortest_time_within_reason(void **state) {
	(void)state;
	struct retention r = policy(90, 180, 365);
	assert_int_equal(retention_pass_ms(&r), 600000);
	r.runs_s = 7200;
	assert_int_equal(retention_pass_ms(&r), 72000);
	r.windows_s = 2;
	assert_int_equal(retention_pass_ms(&r), 1000);
	assert_int_equal(retention_pass_ms(&retention_none), 600000);
}

static void the_setting_that_asked_for_it_is_said_as_people_wrote_it(void **state) {
	(void)state;
	char out[RETENTION_WHY_SIZE];
	struct retention r = policy(90, 180, 365);
	assert_string_equal(retention_why(&r, RETENTION_STEPS, false, out), "steps = 90d");
	assert_string_equal(retention_why(&r, RETENTION_LINES, false, out), "steps = 90d");
	assert_string_equal(retention_why(&r, RETENTION_WINDOWS, false, out), "windows = 180d");
	assert_string_equal(retention_why(&r, RETENTION_RUN, false, out), "runs = 365d");
	r.max_db_bytes = 20ull << 30;
	assert_string_equal(retention_why(&r, RETENTION_RUN, true, out), "max_db = 20G");
	r.max_db_bytes = 1536ull << 20;
	assert_string_equal(retention_why(&r, RETENTION_STEPS, true, out), "max_db = 1536M");
	r.max_db_bytes = 1001;
	assert_string_equal(retention_why(&r, RETENTION_STEPS, true, out), "max_db = 1001");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_older_than_its_time_goes_and_nothing_else),
		cmocka_unit_test(by_default_everything_stays),
		cmocka_unit_test(a_run_that_goes_on_loses_rows_but_never_goes),
		cmocka_unit_test(rows_that_are_not_there_do_not_go),
		cmocka_unit_test(the_newest_steps_stay_however_old_they_are),
		cmocka_unit_test(
			a_run_that_waits_for_wandb_stays_and_so_do_the_lines_from_where_wandb_is),
		cmocka_unit_test(with_wandb_off_nothing_waits_for_it),
		cmocka_unit_test(a_database_presses_from_its_limit_down_to_nine_tenths_of_it),
		cmocka_unit_test(so_many_steps_stay_that_a_curve_can_be_drawn_of_any_run),
		cmocka_unit_test(a_pass_is_a_hundredth_of_the_shortest_time_within_reason),
		cmocka_unit_test(the_setting_that_asked_for_it_is_said_as_people_wrote_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

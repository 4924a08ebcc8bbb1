/* When a daemon that was started for one job may end by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "idle.h"

#define AFTER_MS 600000u
#define DAY_MS   86400000u

static struct idle_clock c;

static int start(void **state) {
	(void)state;
	idle_clock_start(&c, AFTER_MS, 1000);
	return 0;
}

static void nobody_for_as_long_as_was_said_is_the_end(void **state) {
	(void)state;

	assert_false(idle_clock_look(&c, 1000 + AFTER_MS - 1, ENGINE_IDLE, 0));
	assert_true(idle_clock_look(&c, 1000 + AFTER_MS, ENGINE_IDLE, 0));
}

static void a_trainer_that_is_silent_for_a_day_is_still_there(void **state) {
	(void)state;

	assert_false(idle_clock_look(&c, 1000 + DAY_MS, ENGINE_BUSY, 1));
	assert_false(idle_clock_look(&c, 1000 + 2 * DAY_MS, ENGINE_BUSY, 1));
	/* The time begins when it leaves. */
	assert_false(idle_clock_look(&c, 999 + 2 * DAY_MS + AFTER_MS, ENGINE_IDLE, 1));
	assert_true(idle_clock_look(&c, 1000 + 2 * DAY_MS + AFTER_MS, ENGINE_IDLE, 1));
}

static void whoever_came_and_went_between_two_looks_has_been_there(void **state) {
	(void)state;

	assert_false(idle_clock_look(&c, 1000 + AFTER_MS, ENGINE_IDLE, 3));
	assert_false(idle_clock_look(&c, 1000 + AFTER_MS + 5000, ENGINE_IDLE, 3));
	assert_false(idle_clock_look(&c, 1000 + 2 * AFTER_MS, ENGINE_IDLE, 4));
	assert_true(idle_clock_look(&c, 1000 + 3 * AFTER_MS, ENGINE_IDLE, 4));
}

static void lines_for_wandb_keep_it_until_they_are_sent(void **state) {
	(void)state;

	assert_false(idle_clock_look(&c, 1000 + AFTER_MS, ENGINE_FORWARDS, 0));
	assert_false(idle_clock_look(&c, 1000 + 10 * AFTER_MS, ENGINE_FORWARDS, 0));
	assert_false(idle_clock_look(&c, 1000 + 10 * AFTER_MS + 1000, ENGINE_IDLE, 0));
	assert_true(idle_clock_look(&c, 1000 + 11 * AFTER_MS, ENGINE_IDLE, 0));
}

static void an_outage_of_wandb_keeps_it_for_a_day_and_no_longer(void **state) {
	(void)state;

	assert_false(idle_clock_look(&c, 999 + DAY_MS, ENGINE_FORWARDS, 0));
	assert_true(idle_clock_look(&c, 1000 + DAY_MS, ENGINE_FORWARDS, 0));
}

static void who_asked_for_more_than_a_day_gets_it(void **state) {
	(void)state;

	idle_clock_start(&c, 3 * DAY_MS, 0);
	assert_false(idle_clock_look(&c, 2 * DAY_MS, ENGINE_FORWARDS, 0));
	assert_true(idle_clock_look(&c, 3 * DAY_MS, ENGINE_FORWARDS, 0));
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody_for_as_long_as_was_said_is_the_end, start),
		cmocka_unit_test_setup(a_trainer_that_is_silent_for_a_day_is_still_there, start),
		cmocka_unit_test_setup(
			whoever_came_and_went_between_two_looks_has_been_there, start),
		cmocka_unit_test_setup(lines_for_wandb_keep_it_until_they_are_sent, start),
		cmocka_unit_test_setup(an_outage_of_wandb_keeps_it_for_a_day_and_no_longer, start),
		cmocka_unit_test(who_asked_for_more_than_a_day_gets_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}

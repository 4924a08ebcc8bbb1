/* What one user may cause in the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "log_limit.h"

static int setup(void **state) {
	*state = calloc(1, sizeof(struct log_limit));
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state) {
	free(*state);
	return 0;
}

static unsigned take(
	struct log_limit *l, const char *kind, uint32_t uid, unsigned n, uint64_t now_ms) {
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++) {
		taken += log_limit_take(l, kind, uid, now_ms);
	}
	return taken;
}

static void a_sweep_is_said_in_full_and_a_flood_is_not(void **state) {
	struct log_limit *l = *state;

	assert_int_equal(take(l, "opened", 1000, LOG_LIMIT_BURST, 5), LOG_LIMIT_BURST);
	assert_int_equal(take(l, "opened", 1000, 100000, 5), 0);
	assert_int_equal(take(l, "opened", 1000, 100000, 5 + 3 * LOG_LIMIT_EVERY_MS), 3);
}

static void one_users_flood_costs_no_other_and_no_other_kind(void **state) {
	struct log_limit *l = *state;

	(void)take(l, "opened", 1000, 100000, 5);
	assert_int_equal(take(l, "opened", 1001, 10, 5), 10);
	assert_int_equal(take(l, "refused", 1000, 10, 5), 10);
}

static void what_was_left_out_is_counted_and_said_once(void **state) {
	struct log_limit *l = *state;
	const char *kind = NULL;
	uint32_t uid = 0, n = 0;

	(void)take(l, "refused", 7, LOG_LIMIT_BURST + 12, 100);
	assert_false(log_limit_next_unsaid(l, 100 + LOG_LIMIT_SAY_MS - 1, &kind, &uid, &n));
	assert_true(log_limit_next_unsaid(l, 100 + LOG_LIMIT_SAY_MS, &kind, &uid, &n));
	assert_string_equal(kind, "refused");
	assert_int_equal(uid, 7);
	assert_int_equal(n, 12);
	assert_false(log_limit_next_unsaid(l, 200000, &kind, &uid, &n));
}

static void more_users_than_are_remembered_share_and_none_is_unlimited(void **state) {
	struct log_limit *l = *state;
	unsigned taken = 0;

	for (uint32_t uid = 0; uid < 10 * LOG_LIMIT_SLOTS; uid++) {
		taken += take(l, "opened", uid, LOG_LIMIT_BURST, 5);
	}
	assert_true(taken <= LOG_LIMIT_SLOTS * LOG_LIMIT_BURST);
	/* Who was quiet for long gives his place up. */
	uint64_t later_ms = 5 + 2ull * LOG_LIMIT_BURST * LOG_LIMIT_EVERY_MS;
	const char *kind;
	uint32_t uid, n;
	while (log_limit_next_unsaid(l, later_ms, &kind, &uid, &n)) {
	}
	assert_int_equal(take(l, "refused", 4000000, LOG_LIMIT_BURST, later_ms), LOG_LIMIT_BURST);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_sweep_is_said_in_full_and_a_flood_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_users_flood_costs_no_other_and_no_other_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_left_out_is_counted_and_said_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			more_users_than_are_remembered_share_and_none_is_unlimited, setup,
			teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("log limit", tests, NULL, NULL);
}

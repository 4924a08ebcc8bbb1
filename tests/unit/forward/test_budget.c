#include "budget.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#define S 1000000000ull

static int take_all(struct budget *b, uint64_t now_ns, uint64_t *ret_when_ns) {
	int taken = 0;
	while (budget_take(b, now_ns, ret_when_ns)) {
		taken++;
	}
	return taken;
}

static void a_burst_is_granted_and_then_the_steady_rate(void **state) {
	struct budget b;
	uint64_t when = 0;
	(void)state;
	budget_init(&b, 2, 5, 10 * S);

	assert_int_equal(take_all(&b, 10 * S, &when), 5);
	assert_int_equal(when, 10 * S + S / 2);
	assert_int_equal(take_all(&b, when, &when), 1);
	assert_int_equal(take_all(&b, 13 * S, &when), 5);
}

static void what_is_saved_up_is_no_more_than_a_burst(void **state) {
	struct budget b;
	uint64_t when = 0;
	(void)state;
	budget_init(&b, 2, 5, 0);

	assert_int_equal(take_all(&b, 0, &when), 5);
	assert_int_equal(take_all(&b, 3600 * S, &when), 5);
}

static void nothing_is_sent_before_the_time_the_server_named(void **state) {
	struct budget b;
	uint64_t when = 0;
	(void)state;
	budget_init(&b, 2, 5, 0);
	budget_block(&b, 60 * S);
	budget_block(&b, 30 * S);

	assert_false(budget_take(&b, 59 * S, &when));
	assert_int_equal(when, 60 * S);
	assert_true(budget_take(&b, 60 * S, &when));
}

static void the_rate_sinks_to_what_the_server_leaves_until_its_reset(void **state) {
	struct budget b;
	uint64_t when = 0;
	(void)state;
	budget_init(&b, 100, 5, 0);
	budget_adapt(&b, 10, 20, 0);

	assert_int_equal(take_all(&b, 0, &when), 5);
	assert_int_equal(when, 2 * S);
	assert_int_equal(take_all(&b, 21 * S, &when), 5);
	assert_int_equal(when, 21 * S + S / 100);
}

static void no_units_left_means_waiting_for_the_reset(void **state) {
	struct budget b;
	uint64_t when = 0;
	(void)state;
	budget_init(&b, 100, 5, 0);
	budget_adapt(&b, 0, 20, S);

	assert_false(budget_take(&b, 2 * S, &when));
	assert_int_equal(when, 21 * S);
}

static void a_rate_that_is_nonsense_changes_nothing(void **state) {
	struct budget b;
	uint64_t when = 0;
	(void)state;
	budget_init(&b, 100, 5, 0);
	budget_adapt(&b, -1, 20, 0);
	budget_adapt(&b, 0, 0, 0);
	budget_adapt(&b, 0.0 / 0.0, 5, 0);

	assert_int_equal(take_all(&b, 0, &when), 5);
	assert_int_equal(when, S / 100);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_granted_and_then_the_steady_rate),
		cmocka_unit_test(what_is_saved_up_is_no_more_than_a_burst),
		cmocka_unit_test(nothing_is_sent_before_the_time_the_server_named),
		cmocka_unit_test(the_rate_sinks_to_what_the_server_leaves_until_its_reset),
		cmocka_unit_test(no_units_left_means_waiting_for_the_reset),
		cmocka_unit_test(a_rate_that_is_nonsense_changes_nothing),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

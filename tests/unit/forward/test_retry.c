#include "retry.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

static void each_status_has_its_verdict(void **state) {
	(void)state;
	static const struct {
		int status;
		enum verdict verdict;
	} cases[] = {
		{200, VERDICT_ACCEPTED},
		{204, VERDICT_ACCEPTED},
		{299, VERDICT_ACCEPTED},
		{301, VERDICT_SLOWLY},
		{307, VERDICT_SLOWLY},
		{399, VERDICT_SLOWLY},
		{400, VERDICT_BAD},
		{401, VERDICT_KEY},
		{402, VERDICT_AGAIN},
		{403, VERDICT_KEY},
		{404, VERDICT_GONE},
		{405, VERDICT_AGAIN},
		{408, VERDICT_AGAIN},
		{409, VERDICT_BAD},
		{410, VERDICT_GONE},
		{413, VERDICT_TOO_LARGE},
		{422, VERDICT_BAD},
		{425, VERDICT_AGAIN},
		{429, VERDICT_AGAIN},
		{500, VERDICT_AGAIN},
		{501, VERDICT_SLOWLY},
		{502, VERDICT_AGAIN},
		{503, VERDICT_AGAIN},
		{599, VERDICT_AGAIN},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(retry_judge(TRANSPORT_DONE, cases[i].status), cases[i].verdict);
	}
}

static void a_status_that_is_none_is_tried_again(void **state) {
	static const int statuses[] = {0, -200, 100, 600, 999, INT32_MAX, INT32_MIN};
	(void)state;

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		assert_int_equal(retry_judge(TRANSPORT_DONE, statuses[i]), VERDICT_AGAIN);
	}
}

static void what_never_arrived_whole_is_never_accepted(void **state) {
	(void)state;
	for (int transport = TRANSPORT_NO_NAME; transport <= TRANSPORT_PROXY; transport++) {
		assert_int_equal(retry_judge((enum transport)transport, 200),
			transport == TRANSPORT_TLS ? VERDICT_SLOWLY : VERDICT_AGAIN);
		assert_int_equal(retry_judge((enum transport)transport, 404),
			transport == TRANSPORT_TLS ? VERDICT_SLOWLY : VERDICT_AGAIN);
	}
}

static void the_wait_doubles_from_two_seconds_to_a_minute(void **state) {
	static const uint64_t waits_ms[] = {2000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	(void)state;

	for (uint32_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
		assert_int_equal(retry_wait_ms(VERDICT_AGAIN, i, 0), waits_ms[i]);
	}
	assert_int_equal(retry_wait_ms(VERDICT_AGAIN, UINT32_MAX, 0), 60000);
}

static void what_somebody_has_to_mend_is_probed_each_quarter_of_an_hour(void **state) {
	static const enum verdict slow[] = {VERDICT_SLOWLY, VERDICT_KEY};
	static const uint64_t waits_ms[] = {60000, 60000, 120000, 240000, 480000, 900000, 900000};
	(void)state;

	for (size_t v = 0; v < 2; v++) {
		for (uint32_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
			assert_int_equal(retry_wait_ms(slow[v], i, 0), waits_ms[i]);
		}
	}
}

static void chance_adds_up_to_a_quarter(void **state) {
	(void)state;
	assert_int_equal(retry_wait_ms(VERDICT_AGAIN, 1, 0.5), 2250);
	assert_int_equal(retry_wait_ms(VERDICT_AGAIN, 40, 0.5), 67500);
	assert_in_range(retry_wait_ms(VERDICT_AGAIN, 40, 0.9999999), 74990, 75000);
	assert_int_equal(retry_wait_ms(VERDICT_KEY, 40, 0.5), 1012500);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_status_has_its_verdict),
		cmocka_unit_test(a_status_that_is_none_is_tried_again),
		cmocka_unit_test(what_never_arrived_whole_is_never_accepted),
		cmocka_unit_test(the_wait_doubles_from_two_seconds_to_a_minute),
		cmocka_unit_test(what_somebody_has_to_mend_is_probed_each_quarter_of_an_hour),
		cmocka_unit_test(chance_adds_up_to_a_quarter),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_time_is_a_number_and_its_unit(void **state) {
	(void)state;

	assert_int_equal(duration_read("500ms"), 500);
	assert_int_equal(duration_read("15s"), 15000);
	assert_int_equal(duration_read("10m"), 600000);
	assert_int_equal(duration_read("10min"), 600000);
	assert_int_equal(duration_read("6h"), 21600000);
	assert_int_equal(duration_read("007d"), 604800000);
	assert_int_equal(duration_read("0s"), 0);
}

static void whatever_else_it_is_is_none(void **state) {
	static const char *const words[] = {"", "s", "5", "5 s", " 5s", "-5s", "+5s", "1.5h",
		"5sec", "5S", "1h30m", "401d", "34560000001ms", "18446744073709551616s"};
	(void)state;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		assert_int_equal(duration_read(words[i]), -1);
	}
	assert_int_equal(duration_read("400d"), DURATION_MAX_MS);
	assert_int_equal(duration_read_up_to("3651d", 3650ull * 86400000), -1);
	assert_int_equal(duration_read_up_to("3650d", 3650ull * 86400000), 3650ll * 86400000);
}

static void it_is_written_without_a_fraction(void **state) {
	char out[DURATION_TEXT_SIZE];
	(void)state;

	assert_string_equal(duration_write(out, 1500), "1500ms");
	assert_string_equal(duration_write(out, 90000), "90s");
	assert_string_equal(duration_write(out, 5400000), "90m");
	assert_string_equal(duration_write(out, 86400000), "1d");
	assert_string_equal(duration_write(out, DURATION_MAX_MS), "400d");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_a_number_and_its_unit),
		cmocka_unit_test(whatever_else_it_is_is_none),
		cmocka_unit_test(it_is_written_without_a_fraction),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "retry.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS 3600000
/* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110. */
#define EXAMPLE_S 784111777.0

struct wait {
	const char *value;
	int64_t ms;
};

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static int64_t after(const char *value, size_t len, double now_s) {
	char *exact = malloc(len + (len == 0));
	assert_non_null(exact);
	memcpy(exact, value, len);
	int64_t ms = retry_after_ms(text_of(exact, len), now_s);
	free(exact);
	return ms;
}

static void assert_waits(const struct wait *waits, size_t n, double now_s) {
	for (size_t i = 0; i < n; i++) {
		int64_t ms = after(waits[i].value, strlen(waits[i].value), now_s);
		if (ms != waits[i].ms) {
			fail_msg("\"%s\" is %lld, not %lld", waits[i].value, (long long)ms,
				(long long)waits[i].ms);
		}
	}
}

#define N(array) (sizeof(array) / sizeof(array)[0])

static void seconds_may_have_a_fraction(void **state) {
	static const struct wait waits[] = {
		{"0", 0},
		{"1", 1000},
		{"007", 7000},
		{"0.5", 500},
		{"1.25", 1250},
		{"2.0625999999999999999999999", 2062},
		{" 30\t", 30000},
		{"3600", HOUR_MS},
	};
	(void)state;
	assert_waits(waits, N(waits), EXAMPLE_S);
}

static void nobody_makes_us_wait_longer_than_an_hour(void **state) {
	static const struct wait waits[] = {
		{"3600.999", HOUR_MS},
		{"86400", HOUR_MS},
		{"9223372036854775808", HOUR_MS},
		{"99999999999999999999999999999999999999999999999999999999999999999999", HOUR_MS},
		{"Tue, 31 Dec 9999 23:59:59 GMT", HOUR_MS},
		{"Sun, 06 Nov 1994 10:49:37 GMT", HOUR_MS},
	};
	(void)state;
	assert_waits(waits, N(waits), EXAMPLE_S);
}

static void a_date_is_read_in_each_of_its_three_forms(void **state) {
	static const struct wait waits[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 7000},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 7000},
		{"Sun Nov  6 08:49:37 1994", 7000},
		{"Sun, 06 Nov 1994 08:50:00 GMT", 30000},
		{"Wed Nov 16 08:49:37 1994", HOUR_MS},
	};
	(void)state;
	assert_waits(waits, N(waits), EXAMPLE_S - 7);
}

static void a_date_never_comes_early_by_a_fraction_of_our_second(void **state) {
	static const struct wait waits[] = {{"Sun, 06 Nov 1994 08:49:37 GMT", 1250}};
	(void)state;
	assert_waits(waits, N(waits), EXAMPLE_S - 1.25);
}

static void a_date_in_the_past_means_now(void **state) {
	static const struct wait waits[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 0},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Sat, 01 Jan 0000 00:00:00 GMT", 0},
		{"Sun Nov  6 08:49:37 1994", 0},
	};
	(void)state;
	assert_waits(waits, N(waits), EXAMPLE_S);
	assert_waits(waits, N(waits), EXAMPLE_S + 1e9);
}

static void a_year_of_two_digits_is_the_nearest_of_its_name(void **state) {
	static const struct wait turn_of_century[] = {{"Saturday, 01-Jan-00 00:00:05 GMT", 6000}};
	static const struct wait long_past[] = {{"Sunday, 06-Nov-94 08:49:37 GMT", 0}};
	(void)state;
	assert_waits(turn_of_century, N(turn_of_century), 946684799.0); /* still 1999 */
	assert_waits(long_past, N(long_past), 1790000000.0); /* 2094 would be 68 years ahead */
}

static void a_date_alone_is_read_and_seconds_are_none(void **state) {
	static const char date[] = " Sun, 06 Nov 1994 08:49:37 GMT ", seconds[] = "17";
	double s = -1;
	(void)state;

	assert_true(retry_read_date(text_of(date, strlen(date)), EXAMPLE_S, &s));
	assert_true(s == 784111777.0);
	s = -1;
	assert_false(retry_read_date(text_of(seconds, strlen(seconds)), EXAMPLE_S, &s));
	assert_false(retry_read_date((struct text){0}, EXAMPLE_S, &s));
	assert_true(s == -1);
}

static void a_leap_day_is_known(void **state) {
	static const struct wait waits[] = {
		{"Tue, 29 Feb 2000 00:00:01 GMT", 1000},
		{"Mon, 29 Feb 2100 00:00:01 GMT", -1},
		{"Thu, 29 Feb 2001 00:00:01 GMT", -1},
	};
	(void)state;
	assert_waits(waits, N(waits), 951782400.0);
}

static void a_leap_second_is_no_reason_to_refuse_a_date(void **state) {
	static const struct wait waits[] = {
		{"Sat, 31 Dec 2016 23:59:60 GMT", 2000},
		{"Sat, 31 Dec 2016 23:59:61 GMT", -1},
	};
	(void)state;
	assert_waits(waits, N(waits), 1483228798.0);
}

static void what_is_neither_seconds_nor_a_date_says_nothing(void **state) {
	static const struct wait waits[] = {
		{"", -1},
		{" \t ", -1},
		{"-1", -1},
		{"+1", -1},
		{".5", -1},
		{"5.", -1},
		{"1.2.3", -1},
		{"1e3", -1},
		{"0x10", -1},
		{"inf", -1},
		{"NaN", -1},
		{"1,5", -1},
		{"12 s", -1},
		{"soon", -1},
		{"Sun, 06 Nov 1994 08:49:37", -1},
		{"Sun, 06 Nov 1994 08:49:37 CET", -1},
		{"Sun, 06 Nov 1994 08:49:37 GMT, or so", -1},
		{"Sun, 6 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 00 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 31 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 24:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:60:37 GMT", -1},
		{"Sun, 06 Nov 94 08:49:37 GMT", -1},
		{"Sun, 06 Brumaire 1994 08:49:37 GMT", -1},
		{"Son, 06 Nov 1994 08:49:37 GMT", -1},
		{"Sun, -6 Nov 1994 08:49:37 GMT", -1},
	};
	(void)state;
	assert_waits(waits, N(waits), EXAMPLE_S - 10);
	assert_int_equal(retry_after_ms((struct text){0}, EXAMPLE_S), -1);
	assert_int_equal(after("5\0", 2, EXAMPLE_S), -1);
}

static void a_date_cut_short_anywhere_is_none(void **state) {
	static const char *const dates[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
	(void)state;
	for (size_t d = 0; d < N(dates); d++) {
		for (size_t len = 0; len < strlen(dates[d]); len++) {
			assert_int_equal(after(dates[d], len, EXAMPLE_S - 10), -1);
		}
	}
}

static void the_daemons_time_zone_makes_no_difference(void **state) {
	static const struct wait waits[] = {{"Sun, 06 Nov 1994 08:49:37 GMT", 7000}};
	(void)state;
	assert_int_equal(setenv("TZ", "XYZ-11:30", 1), 0);
	assert_waits(waits, N(waits), EXAMPLE_S - 7);
	assert_int_equal(unsetenv("TZ"), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_may_have_a_fraction),
		cmocka_unit_test(nobody_makes_us_wait_longer_than_an_hour),
		cmocka_unit_test(a_date_is_read_in_each_of_its_three_forms),
		cmocka_unit_test(a_date_never_comes_early_by_a_fraction_of_our_second),
		cmocka_unit_test(a_date_in_the_past_means_now),
		cmocka_unit_test(a_year_of_two_digits_is_the_nearest_of_its_name),
		cmocka_unit_test(a_date_alone_is_read_and_seconds_are_none),
		cmocka_unit_test(a_leap_day_is_known),
		cmocka_unit_test(a_leap_second_is_no_reason_to_refuse_a_date),
		cmocka_unit_test(what_is_neither_seconds_nor_a_date_says_nothing),
		cmocka_unit_test(a_date_cut_short_anywhere_is_none),
		cmocka_unit_test(the_daemons_time_zone_makes_no_difference),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "repr.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_number_is_written_as_python_writes_it(void **state) {
	(void)state;
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0.0, "0.0"},
		{-0.0, "-0.0"},
		{1.0, "1.0"},
		{-4096.0, "-4096.0"},
		{0.1, "0.1"},
		{1e-4, "0.0001"},
		{1e-5, "1e-05"},
		{1.5e-7, "1.5e-07"},
		{1e15, "1000000000000000.0"},
		{1e16, "1e+16"},
		{9007199254740993.0, "9007199254740992.0"},
		{(double)-6.6f, "-6.599999904632568"},
		{0.1 + 0.2, "0.30000000000000004"},
		{5.9604644775390625e-08,
			"5.960464477539063e-08"}, /* 2^-24: its neighbours lie unevenly */
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{2.2250738585072014e-308, "2.2250738585072014e-308"},
		{5e-324, "5e-324"},
		{1e-12, "1e-12"},
		{9007199254740991.5, "9007199254740992.0"},
		{2251799813685249.5, "2251799813685249.5"}, /* just between two of sixteen digits */
		{0.99999999999999989, "0.9999999999999999"},
		{NAN, "NaN"},
		{INFINITY, "Infinity"},
		{-INFINITY, "-Infinity"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[REPR_MAX];
		assert_string_equal(repr_double(text, cases[i].value), cases[i].text);
	}
}

static uint64_t next_random(void) {
	static uint64_t bits = 88172645463325252u;
	bits ^= bits << 13;
	bits ^= bits >> 7;
	bits ^= bits << 17;
	return bits;
}

/* Of the sizes that are logged, in the precision of double, of float, and with few digits. */
static double everyday_number(int i) {
	double size = (double)(next_random() >> 11) / 9007199254740992.0 *
		      pow(10, (int)(next_random() % 30) - 12);
	switch (i % 3) {
	case 0:
		return size;
	case 1:
		return (float)-size;
	default:
		return (double)(next_random() % 100000000) / pow(10, (int)(next_random() % 12));
	}
}

/* Its digits without zeros before and behind them. */
static void digits_of(char out[REPR_MAX], const char *text) {
	size_t n = 0;
	for (; *text != '\0' && *text != 'e'; text++) {
		if (*text >= (n == 0 ? '1' : '0') && *text <= '9') {
			out[n++] = *text;
		}
	}
	while (n > 0 && out[n - 1] == '0') {
		n--;
	}
	out[n] = '\0';
}

/* printf rounds to the nearest. */
static void digits_found(char out[REPR_MAX], double value) {
	char text[REPR_MAX];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*e", digits - 1, value);
		if (strtod(text, NULL) == value) {
			break;
		}
	}
	digits_of(out, text);
}

static void no_decimal_is_shorter_or_nearer(void **state) {
	(void)state;
	for (int i = 0; i < 50000; i++) {
		double value = everyday_number(i);
		char text[REPR_MAX], digits[REPR_MAX], found[REPR_MAX];
		digits_of(digits, repr_double(text, value));
		digits_found(found, value);
		assert_string_equal(digits, found);
		assert_true(strtod(text, NULL) == value);
	}
}

static void every_number_reads_back_the_same(void **state) {
	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = next_random();
		double value;
		memcpy(&value, &bits, sizeof value);
		char text[REPR_MAX];
		if (isfinite(value)) {
			assert_true(strtod(repr_double(text, value), NULL) == value);
			assert_true(strlen(text) + 1 < sizeof text);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_written_as_python_writes_it),
		cmocka_unit_test(no_decimal_is_shorter_or_nearer),
		cmocka_unit_test(every_number_reads_back_the_same),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

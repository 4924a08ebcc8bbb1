#include "repr.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
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
		{NAN, "NaN"},
		{INFINITY, "Infinity"},
		{-INFINITY, "-Infinity"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[REPR_MAX];
		assert_string_equal(repr_double(text, cases[i].value), cases[i].text);
	}
}

static void every_number_reads_back_the_same(void **state) {
	(void)state;
	uint64_t bits = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
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
		cmocka_unit_test(every_number_reads_back_the_same),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

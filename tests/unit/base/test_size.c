#include "size.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t size_of(const char *text) {
	uint64_t size = 7;

	assert_int_equal(size_read(text, &size), 0);
	return size;
}

static void a_size_is_a_number_and_a_binary_unit(void **state) {
	(void)state;

	assert_int_equal(size_of("0"), 0);
	assert_int_equal(size_of("1048577"), 1048577);
	assert_int_equal(size_of("4K"), 4096);
	assert_int_equal(size_of("512M"), 536870912);
	assert_int_equal(size_of("512MiB"), 536870912);
	assert_int_equal(size_of("020G"), 21474836480);
	assert_int_equal(size_of("2T"), 2199023255552);
	assert_int_equal(size_of("8388607T"), 8388607ull << 40);
}

static void whatever_else_it_is_is_none(void **state) {
	static const char *const words[] = {"", "M", "5 M", " 5M", "-5M", "+5M", "1.5G", "5m",
		"5MB", "5Mi", "5MiB ", "5P", "0x10", "8388608T", "9223372036854775808",
		"18446744073709551617", "99999999999999999999999"};
	uint64_t size = 7;
	(void)state;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		assert_int_equal(size_read(words[i], &size), -EINVAL);
		assert_int_equal(size, 7);
	}
}

static void it_is_written_without_a_fraction(void **state) {
	static const uint64_t sizes[] = {1, 1000, 1ull << 40, INT64_MAX - 7};
	char out[SIZE_TEXT_SIZE];
	(void)state;

	assert_string_equal(size_write(out, 0), "0");
	assert_string_equal(size_write(out, 1025), "1025");
	assert_string_equal(size_write(out, 1536), "1536");
	assert_string_equal(size_write(out, 3072), "3K");
	assert_string_equal(size_write(out, 21474836480), "20G");
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		if (sizes[i] < INT64_MAX / 10) {
			assert_int_equal(size_of(size_write(out, sizes[i])), sizes[i]);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_a_number_and_a_binary_unit),
		cmocka_unit_test(whatever_else_it_is_is_none),
		cmocka_unit_test(it_is_written_without_a_fraction),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bounds.h"

#define SCAN(...)                                                                                  \
	scan((const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__},                 \
		&scan_header_limits)

static enum scan_result scan_with(const char *bytes, size_t len, uint32_t depth, uint32_t items) {
	const struct scan_limits limits = {.depth = depth, .items = items, .bytes = 1000};

	return scan((const uint8_t *)bytes, len, &limits);
}

static void every_kind_of_value_is_measured_by_its_own_length(void **state) {
	(void)state;
	assert_int_equal(SCAN(0x00), SCAN_OK);
	assert_int_equal(SCAN(0x7f), SCAN_OK);
	assert_int_equal(SCAN(0xe0), SCAN_OK);
	assert_int_equal(SCAN(0xc0), SCAN_OK);
	assert_int_equal(SCAN(0xc2), SCAN_OK);
	assert_int_equal(SCAN(0xc3), SCAN_OK);
	assert_int_equal(SCAN(0xc4, 2, 'a', 'b'), SCAN_OK);
	assert_int_equal(SCAN(0xc5, 0, 1, 'a'), SCAN_OK);
	assert_int_equal(SCAN(0xc6, 0, 0, 0, 1, 'a'), SCAN_OK);
	assert_int_equal(SCAN(0xca, 0, 0, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xcb, 0, 0, 0, 0, 0, 0, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xcc, 0), SCAN_OK);
	assert_int_equal(SCAN(0xcd, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xce, 0, 0, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xcf, 0, 0, 0, 0, 0, 0, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xd0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xd1, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xd2, 0, 0, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xd3, 0, 0, 0, 0, 0, 0, 0, 0), SCAN_OK);
	assert_int_equal(SCAN(0xa1, 'a'), SCAN_OK);
	assert_int_equal(SCAN(0xd9, 1, 'a'), SCAN_OK);
	assert_int_equal(SCAN(0xda, 0, 1, 'a'), SCAN_OK);
	assert_int_equal(SCAN(0xdb, 0, 0, 0, 1, 'a'), SCAN_OK);
	assert_int_equal(SCAN(0x92, 1, 2), SCAN_OK);
	assert_int_equal(SCAN(0xdc, 0, 2, 1, 2), SCAN_OK);
	assert_int_equal(SCAN(0xdd, 0, 0, 0, 2, 1, 2), SCAN_OK);
	assert_int_equal(SCAN(0x81, 1, 2), SCAN_OK);
	assert_int_equal(SCAN(0xde, 0, 1, 1, 2), SCAN_OK);
	assert_int_equal(SCAN(0xdf, 0, 0, 0, 1, 1, 2), SCAN_OK);
}

static void a_value_cut_anywhere_is_truncated(void **state) {
	(void)state;
	static const uint8_t whole[] = {0x96, 0xcf, 0, 0, 0, 0, 0, 0, 0, 1, 0xcb, 0, 0, 0, 0, 0, 0,
		0, 0, 0xd9, 2, 'a', 'b', 0xc6, 0, 0, 0, 1, 'x', 0x81, 0xa1, 'k', 0xcd, 0, 1, 0xdc,
		0, 1, 0xc0};

	assert_int_equal(scan(whole, sizeof whole, &scan_header_limits), SCAN_OK);
	for (size_t len = 0; len < sizeof whole; len++) {
		/* A copy of exactly that length: a byte read behind it is an error under the sanitizer. */
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, whole, len);
		assert_int_equal(scan(copy, len, &scan_header_limits), SCAN_TRUNCATED);
		free(copy);
	}
}

static void five_bytes_that_announce_four_billion_elements_are_turned_away(void **state) {
	(void)state;
	assert_int_equal(SCAN(0xdd, 0xff, 0xff, 0xff, 0xff), SCAN_TOO_MANY);
	assert_int_equal(SCAN(0xdf, 0xff, 0xff, 0xff, 0xff), SCAN_TOO_MANY);
	assert_int_equal(
		SCAN(0xdf, 0x80, 0x00, 0x00, 0x00), SCAN_TOO_MANY); /* twice 2^31 is not 0 */
	assert_int_equal(SCAN(0x92, 0xdd, 0xff, 0xff, 0xff, 0xff), SCAN_TOO_MANY);
}

static void many_small_arrays_count_as_much_as_a_large_one(void **state) {
	(void)state;
	/* [[1, 2], [3, 4], {5: 6}]: the outermost value, three containers, six values */
	assert_int_equal(scan_with("\x93\x92\x01\x02\x92\x03\x04\x81\x05\x06", 10, 2, 10), SCAN_OK);
	assert_int_equal(
		scan_with("\x93\x92\x01\x02\x92\x03\x04\x81\x05\x06", 10, 2, 9), SCAN_TOO_MANY);
}

static void a_text_longer_than_allowed_is_refused_before_its_bytes_are_there(void **state) {
	(void)state;
	assert_int_equal(SCAN(0xdb, 0xff, 0xff, 0xff, 0xff), SCAN_TOO_LONG);
	assert_int_equal(SCAN(0xc6, 0x00, 0x03, 0x00, 0x01), SCAN_TOO_LONG);
	assert_int_equal(SCAN(0xc6, 0x00, 0x03, 0x00, 0x00), SCAN_TRUNCATED);
}

static void depth_counts_containers_whether_they_are_empty_or_not(void **state) {
	(void)state;
	assert_int_equal(scan_with("\x91\x91\x91\x00", 4, 3, 100), SCAN_OK);
	assert_int_equal(scan_with("\x91\x91\x91\x00", 4, 2, 100), SCAN_TOO_DEEP);
	assert_int_equal(scan_with("\x91\x91\x90", 3, 2, 100), SCAN_TOO_DEEP);
	assert_int_equal(scan_with("\x91\x81\x00\x80", 4, 2, 100), SCAN_TOO_DEEP);
	assert_int_equal(scan_with("\x00", 1, 0, 100), SCAN_OK);
}

static void a_histogram_in_a_log_is_not_too_deep(void **state) {
	(void)state;
	assert_int_equal(SCAN(0x91, 0x91, 0x92, 0xa1, 'k', 0x92, 0x91, 1, 0x92, 0, 1), SCAN_OK);
	assert_int_equal(
		SCAN(0x91, 0x91, 0x92, 0xa1, 'k', 0x92, 0x91, 0x91, 1, 0x92, 0, 1), SCAN_TOO_DEEP);
}

static void a_nest_of_a_thousand_arrays_needs_no_stack(void **state) {
	(void)state;
	char nest[1001];

	memset(nest, 0x91, sizeof nest);
	nest[1000] = 0;
	assert_int_equal(scan_with(nest, sizeof nest, UINT32_MAX, UINT32_MAX), SCAN_TOO_DEEP);
	assert_int_equal(
		scan_with(nest + 1000 - SCAN_DEPTH_MAX, SCAN_DEPTH_MAX + 1, UINT32_MAX, UINT32_MAX),
		SCAN_OK);
}

static void bytes_behind_the_value_are_refused(void **state) {
	(void)state;
	assert_int_equal(SCAN(0x91, 0x01, 0x02), SCAN_TRAILING);
	assert_int_equal(SCAN(0x00, 0x00), SCAN_TRAILING);
	assert_int_equal(SCAN(0xa1, 'a', 0xc1), SCAN_TRAILING);
}

static void ext_values_and_the_unused_byte_are_refused(void **state) {
	(void)state;
	static const uint8_t heads[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};

	for (size_t i = 0; i < sizeof heads; i++) {
		uint8_t data[32] = {heads[i]};
		assert_int_equal(scan(data, sizeof data, &scan_header_limits), SCAN_RESERVED);
	}
}

static void every_verdict_has_words(void **state) {
	(void)state;
	for (int result = SCAN_OK; result <= SCAN_TOO_LONG; result++) {
		assert_string_not_equal(scan_words((enum scan_result)result), "unreadable");
	}
}

static void words_name_the_limits_that_are_kept(void **state) {
	(void)state;
	char number[16];

	(void)snprintf(number, sizeof number, "%u", HEADER_DEPTH_MAX);
	assert_non_null(strstr(scan_words(SCAN_TOO_DEEP), number));
	(void)snprintf(number, sizeof number, "%u", HEADER_ITEMS_MAX);
	assert_non_null(strstr(scan_words(SCAN_TOO_MANY), number));
	(void)snprintf(number, sizeof number, "%u", HEADER_BYTES_MAX);
	assert_non_null(strstr(scan_words(SCAN_TOO_LONG), number));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_measured_by_its_own_length),
		cmocka_unit_test(a_value_cut_anywhere_is_truncated),
		cmocka_unit_test(five_bytes_that_announce_four_billion_elements_are_turned_away),
		cmocka_unit_test(many_small_arrays_count_as_much_as_a_large_one),
		cmocka_unit_test(a_text_longer_than_allowed_is_refused_before_its_bytes_are_there),
		cmocka_unit_test(depth_counts_containers_whether_they_are_empty_or_not),
		cmocka_unit_test(a_histogram_in_a_log_is_not_too_deep),
		cmocka_unit_test(a_nest_of_a_thousand_arrays_needs_no_stack),
		cmocka_unit_test(bytes_behind_the_value_are_refused),
		cmocka_unit_test(ext_values_and_the_unused_byte_are_refused),
		cmocka_unit_test(every_verdict_has_words),
		cmocka_unit_test(words_name_the_limits_that_are_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

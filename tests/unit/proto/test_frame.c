#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bounds.h"

/* The last `len` bytes before a page that must not be touched. */
struct guarded {
	uint8_t *map, *end;
	size_t page;
};

static int guard(void **state) {
	static struct guarded g;

	g.page = (size_t)sysconf(_SC_PAGESIZE);
	g.map = mmap(NULL, 2 * g.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	g.end = g.map + g.page;
	*state = &g;
	return g.map == MAP_FAILED || mprotect(g.end, g.page, PROT_NONE) != 0;
}

static int unguard(void **state) {
	struct guarded *g = *state;

	return munmap(g->map, 2 * g->page);
}

static const uint8_t frame[] = {3, 0, 0, 0, 4, 0, 0, 0, 'h', 'd', 'r', 'p', 'a', 'y', 'l'};

static void a_frame_is_ready_with_its_last_byte_and_not_before(void **state) {
	const struct guarded *g = *state;
	struct frame_view view;

	for (size_t len = 0; len <= sizeof frame; len++) {
		uint8_t *data = g->end - len;
		memcpy(data, frame, len);
		enum frame_result result = frame_next(data, len, 4, &view);
		assert_int_equal(result, len == sizeof frame ? FRAME_READY : FRAME_PARTIAL);
		assert_int_equal(view.total_len, len < FRAME_PREFIX_SIZE ? 0 : sizeof frame);
	}
	assert_int_equal(view.header_len, 3);
	assert_memory_equal(view.header, "hdr", 3);
	assert_int_equal(view.payload_len, 4);
	assert_memory_equal(view.payload, "payl", 4);
}

static void what_follows_a_frame_is_not_its_business(void **state) {
	(void)state;
	uint8_t two[2 * sizeof frame];
	struct frame_view view;

	memcpy(two, frame, sizeof frame);
	memcpy(two + sizeof frame, frame, sizeof frame);
	assert_int_equal(frame_next(two, sizeof two, 4, &view), FRAME_READY);
	assert_int_equal(view.total_len, sizeof frame);
}

static void four_bytes_are_enough_to_turn_four_gigabytes_of_header_away(void **state) {
	const struct guarded *g = *state;
	struct frame_view view;

	memset(g->end - 4, 0xff, 4);
	assert_int_equal(frame_next(g->end - 4, 4, UINT32_MAX, &view), FRAME_HEADER_INVALID);
	assert_int_equal(view.header_len, UINT32_MAX);
}

static void an_empty_header_is_no_frame(void **state) {
	const struct guarded *g = *state;
	struct frame_view view;

	memset(g->end - 4, 0, 4);
	assert_int_equal(frame_next(g->end - 4, 4, UINT32_MAX, &view), FRAME_HEADER_INVALID);
}

static void the_longest_header_is_waited_for_and_one_byte_more_is_not(void **state) {
	(void)state;
	struct frame_view view;
	uint8_t prefix[FRAME_PREFIX_SIZE];

	frame_prefix(prefix, HEADER_LEN_MAX, 0);
	assert_int_equal(frame_next(prefix, sizeof prefix, 0, &view), FRAME_PARTIAL);
	frame_prefix(prefix, HEADER_LEN_MAX + 1, 0);
	assert_int_equal(frame_next(prefix, sizeof prefix, 0, &view), FRAME_HEADER_INVALID);
}

static void eight_bytes_are_enough_to_turn_a_payload_away(void **state) {
	(void)state;
	struct frame_view view;
	uint8_t prefix[FRAME_PREFIX_SIZE];

	frame_prefix(prefix, 3, 101);
	assert_int_equal(frame_next(prefix, sizeof prefix, 101, &view), FRAME_PARTIAL);
	assert_int_equal(frame_next(prefix, sizeof prefix, 100, &view), FRAME_PAYLOAD_TOO_LARGE);
	assert_int_equal(view.payload_len, 101);
	assert_int_equal(view.total_len, FRAME_PREFIX_SIZE + 3 + 101);
}

static void the_largest_lengths_do_not_wrap_around(void **state) {
	(void)state;
	struct frame_view view;
	uint8_t prefix[FRAME_PREFIX_SIZE];

	frame_prefix(prefix, HEADER_LEN_MAX, UINT32_MAX);
	assert_int_equal(frame_next(prefix, sizeof prefix, UINT64_MAX, &view), FRAME_PARTIAL);
	assert_true(view.total_len > UINT32_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_ready_with_its_last_byte_and_not_before),
		cmocka_unit_test(what_follows_a_frame_is_not_its_business),
		cmocka_unit_test(four_bytes_are_enough_to_turn_four_gigabytes_of_header_away),
		cmocka_unit_test(an_empty_header_is_no_frame),
		cmocka_unit_test(the_longest_header_is_waited_for_and_one_byte_more_is_not),
		cmocka_unit_test(eight_bytes_are_enough_to_turn_a_payload_away),
		cmocka_unit_test(the_largest_lengths_do_not_wrap_around),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, guard, unguard);
}

/* Decoding when memory is short. Stands before malloc for the whole program, msgpack-c included: not to be
 * built with a sanitizer, which does the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decode.h"
#include "encode.h"

static long allocations_left = -1; /* negative: any number */

extern void *__libc_malloc(size_t size);
__attribute__((visibility("default"))) void *malloc(size_t size) {
	if (allocations_left == 0) {
		return NULL;
	}
	allocations_left -= allocations_left > 0;
	return __libc_malloc(size);
}

#define ENTRIES 100u
#define BINS    64u

/* A message that needs more than the arena's first chunk, for msgpack-c's objects and for ours. */
static size_t write_log(uint8_t *out, size_t cap) {
	static const double numbers[BINS + 1];
	static struct log_entry entries[ENTRIES];
	const struct message m = {
		.type = MSG_LOG, .log = {.seq = 5, .n_entries = ENTRIES, .entries = entries}};

	for (uint32_t i = 0; i < ENTRIES; i++) {
		entries[i] = (struct log_entry){.key = {"k", 1},
			.value = {.kind = VALUE_HISTOGRAM,
				.histogram = {
					.n_bins = BINS, .counts = numbers, .edges = numbers}}};
	}
	return encode(&m, 0, out, cap);
}

static enum decode_result decode_with(long allocations, const struct frame_view *view) {
	struct decoder *decoder = decoder_create();
	struct message m;
	struct decode_error err;

	allocations_left = allocations;
	enum decode_result result = decode(decoder, view, &m, &err);
	allocations_left = -1;
	if (result == DECODE_OK) {
		assert_int_equal(m.log.n_entries, ENTRIES);
	}
	decoder_destroy(decoder);
	return result;
}

static void a_message_that_finds_no_memory_is_not_blamed_on_the_peer(void **state) {
	(void)state;
	static uint8_t frame[200000];
	struct frame_view view;
	long enough = 0;

	assert_int_equal(frame_next(frame, write_log(frame, sizeof frame), 0, &view), FRAME_READY);
	while (decode_with(enough, &view) != DECODE_OK) {
		assert_int_equal(decode_with(enough, &view), DECODE_NO_MEMORY);
		enough++;
	}
	assert_true(enough > 1);
}

static void a_decoder_that_finds_no_memory_is_none(void **state) {
	(void)state;
	for (long allocations = 0; allocations < 2; allocations++) {
		allocations_left = allocations;
		struct decoder *decoder = decoder_create();
		allocations_left = -1;
		assert_null(decoder);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_that_finds_no_memory_is_not_blamed_on_the_peer),
		cmocka_unit_test(a_decoder_that_finds_no_memory_is_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

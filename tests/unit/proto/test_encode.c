/* What encode refuses to write, and that what it writes comes back, at the edges that no golden frame has. */
#include "encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode.h"

static const struct message query = {
	.type = MSG_QUERY, .query = {.token = 1, .what = {"status", 6}, .run = {"a", 1}}};

static void a_message_needs_all_of_its_room(void **state) {
	(void)state;
	size_t len = encode_size_max(&query);

	for (size_t cap = 0; cap <= len; cap++) {
		/* Memory of exactly that size: a byte written behind it is an error under the sanitizer. */
		uint8_t *out = malloc(cap + 1);
		out[cap] = 0xa5;
		assert_int_equal(encode(&query, 0, out, cap), cap == len ? len : 0);
		assert_int_equal(out[cap], 0xa5);
		free(out);
	}
}

static struct decoder *decoder;
static uint8_t *memory; /* what the last message borrows from */

static enum decode_result there_and_back(const struct message *m, struct message *ret) {
	struct decode_error err;
	struct frame_view view;
	size_t cap = encode_size_max(m);

	free(memory);
	memory = malloc(cap);
	assert_int_equal(encode(m, 0, memory, cap), cap);
	assert_int_equal(frame_next(memory, cap, 0, &view), FRAME_READY);
	return decode(decoder, &view, ret, &err);
}

static void integers_of_every_width_come_back(void **state) {
	(void)state;
	static const int64_t values[] = {0, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, 1ll << 32,
		INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN, INT32_MIN - 1ll,
		INT64_MIN};
	struct message back;

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		const struct log_entry entry = {
			.key = {"k", 1}, .value = {.kind = VALUE_INT, .integer = values[i]}};
		const struct message m = {
			.type = MSG_LOG, .log = {.seq = 1, .n_entries = 1, .entries = &entry}};
		assert_int_equal(there_and_back(&m, &back), DECODE_OK);
		assert_int_equal(back.log.entries[0].value.kind, VALUE_INT);
		assert_true(back.log.entries[0].value.integer == values[i]);
	}
}

static void texts_of_every_width_come_back(void **state) {
	(void)state;
	static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};
	static char text[65536];
	struct message back;

	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		const struct message m = {
			.type = MSG_UPDATE, .update = {.seq = 1, .notes = {text, lengths[i]}}};
		assert_int_equal(there_and_back(&m, &back), DECODE_OK);
		assert_int_equal(back.update.notes.len, lengths[i]);
		assert_memory_equal(back.update.notes.data, text, lengths[i]);
	}
}

static void an_empty_text_is_not_an_absent_one(void **state) {
	(void)state;
	const struct message m = {.type = MSG_UPDATE, .update = {.seq = 1, .name = {"", 0}}};
	struct message back;

	assert_int_equal(there_and_back(&m, &back), DECODE_OK);
	assert_non_null(back.update.name.data);
	assert_null(back.update.notes.data);
}

static void a_header_the_other_side_would_refuse_is_not_written(void **state) {
	(void)state;
	static char config[HEADER_BYTES_MAX], notes[TEXT_MAX_BYTES + 1];
	struct message m = {
		.type = MSG_UPDATE, .update = {.seq = 1, .config = {config, sizeof config}}};
	struct message back;

	memset(config, 'x', sizeof config);
	memset(notes, 'x', sizeof notes);
	assert_int_equal(there_and_back(&m, &back), DECODE_OK);

	m.update.notes = text_of(notes, sizeof notes);
	size_t cap = encode_size_max(&m);
	uint8_t *out = malloc(cap);
	assert_true(cap > HEADER_LEN_MAX);
	assert_int_equal(encode(&m, 0, out, cap), 0);
	free(out);
}

static size_t encode_log_of(uint32_t n_entries, uint32_t n_bins) {
	static const double numbers[HISTOGRAM_BINS_MAX + 1];
	static struct log_entry entries[LOG_ENTRIES_MAX];
	const struct message m = {
		.type = MSG_LOG, .log = {.seq = 1, .n_entries = n_entries, .entries = entries}};

	for (uint32_t i = 0; i < n_entries; i++) {
		entries[i] = (struct log_entry){.key = {"k", 1},
			.value = {.kind = VALUE_HISTOGRAM,
				.histogram = {
					.n_bins = n_bins, .counts = numbers, .edges = numbers}}};
	}
	uint8_t *out = malloc(encode_size_max(&m));
	size_t len = encode(&m, 0, out, encode_size_max(&m));
	free(out);
	return len;
}

static void elements_are_counted_as_scan_counts_them(void **state) {
	(void)state;
	assert_true(encode_log_of(12, HISTOGRAM_BINS_MAX) > 0);
	assert_int_equal(encode_log_of(16, HISTOGRAM_BINS_MAX), 0);
	/* Seven values and sixteen an entry: 16,375, and with one more 16,391. */
	assert_true(encode_log_of(1023, 5) > 0);
	assert_int_equal(encode_log_of(1024, 5), 0);
}

static int create(void **state) {
	(void)state;
	decoder = decoder_create();
	return decoder == NULL;
}

static int destroy(void **state) {
	(void)state;
	decoder_destroy(decoder);
	free(memory);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_needs_all_of_its_room),
		cmocka_unit_test(integers_of_every_width_come_back),
		cmocka_unit_test(texts_of_every_width_come_back),
		cmocka_unit_test(an_empty_text_is_not_an_absent_one),
		cmocka_unit_test(a_header_the_other_side_would_refuse_is_not_written),
		cmocka_unit_test(elements_are_counted_as_scan_counts_them),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, create, destroy);
}

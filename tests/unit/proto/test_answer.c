/* What the client's reader turns away; what it takes is in tests/golden/frames, where decode hands
 * the daemon's messages to it. */
#include "answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode.h"
#include "frame_json.h"

static void assert_refused(const char *header, size_t payload_len, const char *words) {
	static const uint8_t payload[8];
	struct message m;
	struct decode_error err;
	struct frame_view view;
	size_t len;
	uint8_t *frame = frame_from_text(header, payload, payload_len, &len);

	assert_int_equal(frame_next(frame, len, UINT32_MAX, &view), FRAME_READY);
	assert_int_equal(answer_read(&view, &m, &err), DECODE_MALFORMED);
	assert_string_equal(err.words, words);
	assert_int_equal(err.code, REFUSE_MALFORMED);
	assert_false(err.has_seq);
	free(frame);
}

#define DB_ID "{\"bin\": \"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\"}"

static void what_the_daemon_does_not_send_is_no_answer(void **state) {
	(void)state;
	static const char no_type[] =
		"the header is not an array that begins with the type of a message";

	assert_refused("[6, 1]", 0, "type 6 is not a message the daemon sends");
	assert_refused("[1, 1, 1, 1]", 0, "type 1 is not a message the daemon sends");
	assert_refused("[99]", 0, "type 99 is not a message the daemon sends");
	assert_refused("[]", 0, no_type);
	assert_refused("7", 0, no_type);
	assert_refused("[\"ACK\", 7]", 0, no_type);
	assert_refused("[17, [[[[[1]]]]]]", 0, "the header is nested too deeply (at most 5)");
}

static void a_welcome_names_its_database_and_its_limits(void **state) {
	(void)state;
	assert_refused("[2, 1, {\"daemon\": \"x\"}]", 0, "WELCOME: db_id is not 16 bytes");
	assert_refused("[2, 1]", 0, "WELCOME: db_id is not 16 bytes");
	assert_refused("[2, 1, 7]", 0, "WELCOME: db_id is not 16 bytes");
	assert_refused(
		"[2, 1, {\"db_id\": {\"bin\": \"00\"}}]", 0, "WELCOME: db_id is not 16 bytes");
	assert_refused("[2, null, {\"db_id\": " DB_ID "}]", 0,
		"WELCOME: version is not a number in its range");
	assert_refused("[2, 1, {\"db_id\": " DB_ID ", \"d_sae_max\": 1}]", 0,
		"WELCOME: header_len_max is not a number in its range");
	assert_refused("[2, 1, {\"db_id\": " DB_ID
		       ", \"header_len_max\": 1, \"d_sae_max\": 4294967296}]",
		0, "WELCOME: d_sae_max is not a number in its range");
}

static void numbers_texts_and_bools_are_what_they_should_be(void **state) {
	(void)state;
	assert_refused("[3, null]", 0, "REFUSAL: code is not a number in its range");
	assert_refused("[3, 1, \"x\"]", 0, "REFUSAL: limit is not a number in its range");
	assert_refused(
		"[3, 1, null, -1]", 0, "REFUSAL: retry_after_ms is not a number in its range");
	assert_refused(
		"[3, 1, null, null, 7]", 0, "REFUSAL: words is not a text of at most 4096 bytes");
	assert_refused(
		"[3, 1, null, null, {\"text\": \"ff\"}]", 0, "REFUSAL: words is not clean UTF-8");
	assert_refused("[5, 0, 1, null, {}]", 0, "OPENED: resumed is not a bool");
	assert_refused("[5, 0, 1, null, {\"resumed\": true}]", 0,
		"OPENED: attempt is not a number in its range");
	assert_refused("[5, -1, 1, null, {\"resumed\": true}]", 0,
		"OPENED: durable is not a number in its range");
	assert_refused("[5, 0, 1, 2147483646, {\"resumed\": true}]", 0,
		"OPENED: last_step is not a number in its range");
	assert_refused("[16, 1]", 0, "STATE: code is not a number in its range");
	assert_refused("[17]", 0, "ACK: seq is not a number in its range");
	assert_refused("[17, {\"u64\": \"9223372036854775808\"}]", 0,
		"ACK: seq is not a number in its range");
	assert_refused("[18, 7]", 0, "STOP: reason is not a text of at most 4096 bytes");
	assert_refused("[19, -7]", 0, "ERROR: code is not a number in its range");
	assert_refused("[19, 32, null, -1]", 0, "ERROR: seq is not a number in its range");
	assert_refused("[21, null, 0]", 0, "REPLY: token is not a number in its range");
}

static void an_answer_without_payload_carries_none(void **state) {
	(void)state;
	assert_refused("[17, 7]", 1, "ACK carries no payload");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_daemon_does_not_send_is_no_answer),
		cmocka_unit_test(a_welcome_names_its_database_and_its_limits),
		cmocka_unit_test(numbers_texts_and_bools_are_what_they_should_be),
		cmocka_unit_test(an_answer_without_payload_carries_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

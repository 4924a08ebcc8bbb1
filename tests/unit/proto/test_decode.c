/* What decode turns away and what it says about it; what it takes is in tests/golden/frames. */
#include "decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame_json.h"

static struct decoder *decoder;

static enum decode_result decode_text(
	const char *header, size_t payload_len, struct message *ret, struct decode_error *err) {
	static uint8_t *frame; /* what *ret borrows from: lives until the next call */
	static const uint8_t payload[64];
	struct frame_view view;
	size_t len;

	free(frame);
	frame = frame_from_text(header, payload, payload_len, &len);
	assert_int_equal(frame_next(frame, len, UINT32_MAX, &view), FRAME_READY);
	return decode(decoder, &view, ret, err);
}

struct refusal {
	const char *header, *words;
	uint32_t code;
	size_t payload_len;
};

static void check_refusals(
	const struct refusal *cases, size_t count, enum decode_result result, bool has_seq) {
	struct message m;
	struct decode_error err;

	for (size_t i = 0; i < count; i++) {
		enum decode_result r = decode_text(cases[i].header, cases[i].payload_len, &m, &err);
		if (r != result || strcmp(err.words, cases[i].words) != 0 ||
			err.code != cases[i].code || err.has_seq != has_seq ||
			(has_seq && err.seq != 5)) {
			fail_msg("%s: result %d, code %u, seq %llu, \"%s\"", cases[i].header,
				(int)r, err.code, (unsigned long long)err.seq, err.words);
		}
	}
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define ID "{\"bin\": \"000102030405060708090a0b0c0d0e0f\"}"
#define OPEN_OF(rest)                                                                              \
	"[4, {\"stream\": " ID ", \"run\": \"r\", \"launch\": \"l\", \"first_seq\": 1" rest "}]"

static void what_is_no_message_is_malformed(void **state) {
	(void)state;
	static const char no_type[] = "the header does not begin with the type of a message";
	static const struct refusal cases[] = {
		{"5", no_type, 2, 0},
		{"{}", no_type, 2, 0},
		{"[]", no_type, 2, 0},
		{"[null]", no_type, 2, 0},
		{"[\"HELLO\"]", no_type, 2, 0},
		{"[-1]", no_type, 2, 0},
		{"[0]", no_type, 2, 0},
		{"[22, 1]", no_type, 2, 0},
		{"[6]", "seq of STEP is not a number from 1", 2, 0},
		{"[6, null]", "seq of STEP is not a number from 1", 2, 0},
		{"[7, 0, 1]", "seq of LOG is not a number from 1", 2, 0},
		{"[8, -1]", "seq of EVENT is not a number from 1", 2, 0},
		{"[9, 1.0]", "seq of MARK is not a number from 1", 2, 0},
		{"[10, {\"u64\": \"9223372036854775808\"}]",
			"seq of RESTORE is not a number from 1", 2, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_MALFORMED, false);
}

static void a_poison_message_can_be_consumed_by_its_seq(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[6, 5]", "lap is missing; expected an integer", 33, 0},
		{"[7, 5, null, 0.0, 0.0, [[[[[[1]]]]]]]",
			"the header is nested too deeply (at most 5)", 32, 0},
		{"[11, 5, {\"name\": {\"text\": \"ff\"}}]",
			"name is not UTF-8; expected UTF-8 without control characters", 32, 0},
		{"[9, 5, 1, 0.0, null]", "MARK carries no payload", 32, 3},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, true);
}

static void a_header_that_breaks_off_behind_its_seq_can_be_consumed(void **state) {
	(void)state;
	static const uint8_t header[] = {0x96, 7, 5, 0xc0, 0xdb, 0xff};
	const struct frame_view view = {.header = header, .header_len = sizeof header};
	struct message m;
	struct decode_error err;

	assert_int_equal(decode(decoder, &view, &m, &err), DECODE_BAD_FIELD);
	assert_int_equal(err.type, MSG_LOG);
	assert_true(err.has_seq);
	assert_int_equal(err.seq, 5);
	assert_string_equal(err.words, "the header is cut off in the middle of a value");
}

static void a_hello_says_what_it_speaks_and_who_it_is(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[1]", "version_min is missing; expected an integer", 2, 0},
		{"[1, 0, 1, 1]", "version_min is 0; expected at least 1", 2, 0},
		{"[1, 2, 1, 1]", "version_max is 1; expected at least 2", 2, 0},
		{"[1, 1, 1]", "role is missing; expected an integer", 2, 0},
		{"[1, 1, 1, 3]", "role is 3; expected 1 to 2", 2, 0},
		{"[1, 1, 1, 1, 7]", "an element is an integer; expected a map", 2, 0},
		{"[1, 1, 1, 1, {\"agent\": 1}]", "agent is an integer; expected text", 2, 0},
		{"[1, 1, 1, 1, {\"pid\": -1}]", "pid is -1; expected at least 0", 2, 0},
		{"[1, 1, 1, 1, {\"host\": \"a\\nb\"}]",
			"host holds a control character; expected UTF-8 without control characters",
			2, 0},
		{"[1, 1, 1, 1]", "HELLO carries no payload", 2, 1},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, false);
}

static void an_open_without_its_four_keys_is_refused(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[4]", "OPEN's second element is missing; expected a map", 4, 0},
		{"[4, []]", "OPEN's second element is a list; expected a map", 4, 0},
		{"[4, {}]", "stream is missing; expected in every OPEN", 4, 0},
		{"[4, {\"stream\": " ID "}]", "run is missing; expected in every OPEN", 4, 0},
		{"[4, {\"stream\": " ID ", \"run\": \"r\"}]",
			"launch is missing; expected in every OPEN", 4, 0},
		{"[4, {\"stream\": " ID
		 ", \"run\": \"r\", \"launch\": \"l\", \"first_seq\": null}]",
			"first_seq is missing; expected in every OPEN", 4, 0},
		{"[4, {\"stream\": \"text\"}]", "stream is text; expected a bin of 16 bytes", 4, 0},
		{"[4, {\"stream\": {\"bin\": \"0001\"}}]",
			"stream is a bin; expected a bin of 16 bytes", 4, 0},
		{"[4, {\"first_seq\": 0}]", "first_seq is 0; expected at least 1", 4, 0},
		{"[4, {\"run\": \"\"}]", "run has 0 bytes; expected 1 to 64", 4, 0},
		{"[4, {\"launch\": \"\"}]", "launch has 0 bytes; expected 1 to 128", 4, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, false);
}

static void an_open_out_of_range_is_told_what_was_expected(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{OPEN_OF(", \"feature_sampling_window\": 1"),
			"feature_sampling_window is 1; expected at least 2, because the first "
			"window has one "
			"step less",
			4, 0},
		{OPEN_OF(", \"feature_sampling_window\": 1e3"),
			"feature_sampling_window is a float; expected an integer", 4, 0},
		{OPEN_OF(", \"wandb_log_frequency\": 0"),
			"wandb_log_frequency is 0; expected at least 1", 4, 0},
		{OPEN_OF(", \"dead_feature_window\": -1"),
			"dead_feature_window is -1; expected at least 0", 4, 0},
		{OPEN_OF(", \"d_sae\": 0"),
			"d_sae is 0; expected 1 to 16777216; leave it out for a run without "
			"features",
			4, 0},
		{OPEN_OF(", \"d_sae\": 2147483648"),
			"d_sae is 2147483648; expected 1 to 16777216; leave it out for a run "
			"without features",
			4, 0},
		{OPEN_OF(", \"train_batch_size\": 0"), "train_batch_size is 0; expected at least 1",
			4, 0},
		{OPEN_OF(", \"context_size\": 0"), "context_size is 0; expected at least 1", 4, 0},
		{OPEN_OF(", \"world_size\": 65"), "world_size is 65; expected 1 to 64", 4, 0},
		{OPEN_OF(", \"world_size\": 0"), "world_size is 0; expected 1 to 64", 4, 0},
		{OPEN_OF(", \"rank\": 1"), "rank is 1; expected less than world_size, which is 1",
			4, 0},
		{OPEN_OF(", \"rank\": 4, \"world_size\": 4"),
			"rank is 4; expected less than world_size, which is 4", 4, 0},
		{OPEN_OF(", \"global_rank\": 8, \"global_world_size\": 8"),
			"global_rank is 8; expected less than global_world_size, which is 8", 4, 0},
		{OPEN_OF(", \"global_rank\": 8"),
			"global_rank is 8; expected less than global_world_size, which is 0", 4, 0},
		{OPEN_OF(", \"thresholds\": [0.5, 0.0]"),
			"thresholds holds 0; expected densities above 0 and up to 1", 4, 0},
		{OPEN_OF(", \"thresholds\": [1.5]"),
			"thresholds holds 1.5; expected densities above 0 and up to 1", 4, 0},
		{OPEN_OF(", \"thresholds\": [{\"float\": \"nan\"}]"),
			"thresholds is nan; expected a finite float", 4, 0},
		{OPEN_OF(", \"thresholds\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"),
			"thresholds has 17 elements; expected at most 16", 4, 0},
		{OPEN_OF(", \"thresholds\": 0.1"),
			"thresholds is a float; expected a list of floats", 4, 0},
		{OPEN_OF(", \"min_l0\": {\"float\": \"inf\"}"),
			"min_l0 is inf; expected a finite float", 4, 0},
		{OPEN_OF(", \"started\": \"now\""), "started is text; expected a float", 4, 0},
		{OPEN_OF(", \"private\": 1"), "private is an integer; expected a bool", 4, 0},
		{OPEN_OF(", \"db_id\": {\"bin\": \"\"}"),
			"db_id is a bin; expected a bin of 16 bytes", 4, 0},
		{OPEN_OF(", \"total_training_tokens\": -5"),
			"total_training_tokens is -5; expected at least 0", 4, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, false);
}

static void an_open_with_bad_names_is_refused(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[4, {\"stream\": " ID ", \"run\": \"a b\", \"launch\": \"l\", \"first_seq\": 1}]",
			"run is \"a b\"; expected 1 to 64 of letters, digits, _ and -", 4, 0},
		{"[4, {\"stream\": " ID
		 ", \"run\": \"gr\\u00fcn\", \"launch\": \"l\", \"first_seq\": 1}]",
			"run is \"gr??n\"; expected 1 to 64 of letters, digits, _ and -", 4, 0},
		{OPEN_OF(", \"resume\": \"perhaps\""),
			"resume is \"perhaps\"; expected never, allow or must", 4, 0},
		{OPEN_OF(", \"profile\": \"Prisma\""),
			"profile is \"Prisma\"; expected prisma, saelens, saelens-legacy or native",
			4, 0},
		{OPEN_OF(", \"name\": \"a\\u001b[0m\""),
			"name holds a control character; expected UTF-8 without control characters",
			4, 0},
		{OPEN_OF(", \"notes\": \"a\\u0000\""),
			"notes holds a NUL; expected UTF-8 without NUL", 4, 0},
		{OPEN_OF(", \"tags\": \"a\""), "tags is text; expected a list of texts", 4, 0},
		{OPEN_OF(", \"tags\": [\"a\", 1]"), "tags is an integer; expected text", 4, 0},
		{OPEN_OF(", \"tags\": [\"\"]"), "tags has 0 bytes; expected 1 to 256", 4, 0},
		{OPEN_OF(", \"scalars\": [\"\"]"), "scalars has 0 bytes; expected 1 to 128", 4, 0},
		{OPEN_OF(", \"scalars\": [\"l0\", \"mse_loss\", \"l0\"]"),
			"scalars has \"l0\" twice; expected each name once", 4, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, false);
}

/* "[4, {…, "KEY": ["x0", "x1", …]}]" */
static char *open_with_list(const char *key, int count) {
	char *text = malloc(256 + (size_t)count * 8);
	int at = sprintf(text,
		"[4, {\"stream\": " ID
		", \"run\": \"r\", \"launch\": \"l\", \"first_seq\": 1, \"%s\": [",
		key);

	for (int i = 0; i < count; i++) {
		at += sprintf(text + at, "%s\"x%d\"", i > 0 ? "," : "", i);
	}
	(void)sprintf(text + at, "]}]");
	return text;
}

static void long_lists_are_refused_but_arguments_are_cut(void **state) {
	(void)state;
	static const struct {
		const char *key, *words;
		int most;
	} cases[] = {
		{"tags", "tags has 65 elements; expected at most 64", 64},
		{"scalars", "scalars has 257 elements; expected at most 256", 256},
		{"args", NULL, 64},
	};
	struct message m;
	struct decode_error err;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *fits = open_with_list(cases[i].key, cases[i].most);
		char *too_long = open_with_list(cases[i].key, cases[i].most + 1);
		assert_int_equal(decode_text(fits, 0, &m, &err), DECODE_OK);
		enum decode_result result = decode_text(too_long, 0, &m, &err);
		if (cases[i].words != NULL) {
			assert_int_equal(result, DECODE_BAD_FIELD);
			assert_string_equal(err.words, cases[i].words);
		} else {
			assert_int_equal(result, DECODE_OK);
			assert_int_equal(m.open.args.count, 64);
		}
		free(fits);
		free(too_long);
	}
}

static void of_a_key_given_twice_the_last_one_counts(void **state) {
	(void)state;
	struct message m;
	struct decode_error err;

	assert_int_equal(decode_text("[4, {\"map\": [[\"stream\", " ID
				     "], [\"run\", \"a\"], [\"launch\", \"l\"], "
				     "[\"first_seq\", 1], [\"run\", \"b\"], [\"run\", null]]}]",
				 0, &m, &err),
		DECODE_OK);
	assert_memory_equal(m.open.run.data, "b", 1);
}

/* As many bytes as a preprocessor can count. */
#define BYTES_64  "................................................................"
#define BYTES_256 BYTES_64 BYTES_64 BYTES_64 BYTES_64

static void a_question_with_a_wrong_argument_is_refused_and_no_key_repeated(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[20, 1, \"stop\", 7]", "an element is an integer; expected a map", 2, 0},
		{"[20, 1, \"stop\", {\"reason\": 7}]", "reason is an integer; expected text", 2, 0},
		{"[20, 1, \"stop\", {\"reason\": \"." BYTES_256 "\"}]",
			"reason has 257 bytes; expected 0 to 256", 2, 0},
		{"[20, 1, \"stop\", {\"reason\": \"a\\u001b[2J\"}]",
			"reason holds a control character; expected UTF-8 without control "
			"characters",
			2, 0},
		{"[20, 1, \"sync\", {\"wandb_key\": 4711}]",
			"wandb_key is an integer; expected text", 2, 0},
		{"[20, 1, \"sync\", {\"wandb_key\": \"\"}]",
			"wandb_key has 0 bytes; expected 1 to 4096", 2, 0},
		{"[20, 1, \"sync\", {\"wandb_key\": \"secret\\n\"}]",
			"wandb_key holds a control character; expected UTF-8 without control "
			"characters",
			2, 0},
		{"[20, 1, \"sync\", {\"wandb_base_url\": \"\"}]",
			"wandb_base_url has 0 bytes; expected 1 to 4096", 2, 0},
		{"[20, 1, \"sync\", {\"wandb_base_url\": \"https://w\\n\"}]",
			"wandb_base_url holds a control character; expected UTF-8 without control "
			"characters",
			2, 0},
		{"[20, 1, \"points\", {\"at_tokens\": -1}]", "at_tokens is -1; expected at least 0",
			2, 0},
		{"[20, 1, \"points\", {\"at_time\": \"noon\"}]",
			"at_time is text; expected a float", 2, 0},
		{"[20, 1, \"points\", {\"at_time\": {\"float\": \"inf\"}}]",
			"at_time is inf; expected a finite float", 2, 0},
		{"[20, 1, \"points\", {\"trajectory\": 1}]",
			"trajectory is an integer; expected a bool", 2, 0},
		{"[20, 1, \"points\", {\"without_config\": 1}]",
			"without_config is an integer; expected a bool", 2, 0},
		{"[20, 1, \"sync\", {\"take_over\": 1}]",
			"take_over is an integer; expected a bool", 2, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, false);
}

static void a_step_out_of_range_is_refused_by_its_seq(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[6, 5, -1, 0, 0.0, 0.0, 1, []]", "lap is -1; expected 0 to 2147483645", 33, 0},
		{"[6, 5, null, 0, 0.0, 0.0, 1, []]", "lap is missing; expected an integer", 33, 0},
		{"[6, 5, 0, -1, 0.0, 0.0, 1, []]", "step is -1; expected 0 to 2147483645", 33, 0},
		{"[6, 5, 0, 2147483646, 0.0, 0.0, 1, []]",
			"step is 2147483646; expected 0 to 2147483645", 33, 0},
		{"[6, 5, 0, 1.5, 0.0, 0.0, 1, []]", "step is a float; expected an integer", 33, 0},
		{"[6, 5, 0, null, 0.0, 0.0, 1, []]", "step is missing; expected an integer", 33, 0},
		{"[6, 5, 0, 1, null, 0.0, 1, []]", "time is missing; expected a float", 32, 0},
		{"[6, 5, 0, 1, {\"float\": \"nan\"}, 0.0, 1, []]",
			"time is nan; expected a finite float", 32, 0},
		{"[6, 5, 0, 1, 0.0, true, 1, []]", "elapsed_s is a bool; expected a float", 32, 0},
		{"[6, 5, 0, 1, 0.0, 0.0, 0, []]", "n_rows is 0; expected at least 1", 34, 0},
		{"[6, 5, 0, 1, 0.0, 0.0, 4294967296, []]",
			"n_rows is 4294967296; expected at least 1", 34, 0},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, null]",
			"scalars is missing; expected a list of floats and nils", 35, 0},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, {}]",
			"scalars is a map; expected a list of floats and nils", 35, 0},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [1.0, \"x\"]]",
			"a scalar is text; expected a float or nil", 35, 0},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [[]]]", "a scalar is a list; expected a float or nil",
			35, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, true);
}

static void a_payload_is_exactly_the_counts_that_were_announced(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 6, 8]", "form is 6; expected 0 to 5", 34, 8},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 1]", "n_entries is missing; expected an integer",
			34, 8},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 1, 16777217]",
			"n_entries is 16777217; expected 0 to 16777216", 34, 8},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 1, 8]",
			"the payload has 7 bytes; expected 8 of counts", 34, 7},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 1, 8]",
			"the payload has 9 bytes; expected 8 of counts", 34, 9},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 4, 2]",
			"the payload has 11 bytes; expected 12 of counts", 34, 11},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 1, 8, 5, 2]",
			"the payload has 23 bytes; expected 24 of counts", 34, 23},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 3, 16777216, 5, 16777216]",
			"the payload has 8 bytes; expected 67108864 of counts", 34, 8},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, []]", "the payload has 1 bytes; expected 0 of counts",
			34, 1},
		{"[6, 5, 0, 1, 0.0, 0.0, 1, [], 0, 0, 1, 8]",
			"positive counts are given; expected the nonzero ones beside them", 34, 8},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, true);
}

static void more_scalars_than_can_be_named_are_refused(void **state) {
	(void)state;
	char text[3000];
	int at = snprintf(text, sizeof text, "[6, 5, 0, 1, 0.0, 0.0, 1, [1");
	struct message m;
	struct decode_error err;

	for (int i = 1; i < 257; i++) {
		at += snprintf(text + at, sizeof text - (size_t)at, ",1");
	}
	(void)snprintf(text + at, sizeof text - (size_t)at, "]]");
	assert_int_equal(decode_text(text, 0, &m, &err), DECODE_BAD_FIELD);
	assert_string_equal(err.words, "scalars has 257 elements; expected at most 256");
	assert_int_equal(err.code, ERROR_BAD_VALUE);
}

static void a_log_holds_keys_and_values_it_can_keep(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[7, 5, -1, 0.0, 0.0, [[\"k\", 1]]]", "step is -1; expected 0 to 2147483645", 33,
			0},
		{"[7, 5, 1, null, 0.0, [[\"k\", 1]]]", "time is missing; expected a float", 32, 0},
		{"[7, 5, 1, 0.0, null, [[\"k\", 1]]]", "elapsed_s is missing; expected a float", 32,
			0},
		{"[7, 5, 1, 0.0, 0.0]", "entries is missing; expected a list of entries", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, {}]", "entries is a map; expected a list of entries", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, []]", "LOG has 0 entries; expected 1 to 1024", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [7]]",
			"an entry is an integer; expected a list of key and value", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\"]]]",
			"an entry is a list; expected a list of key and value", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[7, 7]]]", "a key is an integer; expected text", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"\", 7]]]", "a key has 0 bytes; expected 1 to 256", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"a\\tb\", 7]]]",
			"a key holds a control character; expected UTF-8 without control "
			"characters",
			35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", null]]]",
			"a value is nil; expected a number, a text, a bool or a histogram", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", {}]]]",
			"a value is a map; expected a number, a text, a bool or a histogram", 35,
			0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", " ID "]]]",
			"a value is a bin; expected a number, a text, a bool or a histogram", 35,
			0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", \"\\u0000\"]]]",
			"a value holds a NUL; expected UTF-8 without NUL", 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", 1]], \"1\"]", "lap is text; expected an integer", 33,
			0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", 1]], 2147483646]",
			"lap is 2147483646; expected 0 to 2147483645", 33, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, true);
}

static void a_histogram_has_one_edge_more_than_counts(void **state) {
	(void)state;
	static const char no_lists[] =
		"a value is a list; expected a histogram: a list of counts and a list of edges";
	static const char not_finite[] = "a histogram holds something else than finite numbers";
	static const struct refusal cases[] = {
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", []]]]", no_lists, 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [[1], 2]]]]", no_lists, 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [1, [1, 2]]]]]", no_lists, 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [[], [1]]]]]",
			"a histogram has 0 counts and 1 edges; expected 1 to 512 and one more", 35,
			0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [[1, 2], [1, 2]]]]]",
			"a histogram has 2 counts and 2 edges; expected 1 to 512 and one more", 35,
			0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [[1], [1, null]]]]]", not_finite, 35, 0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [[{\"float\": \"nan\"}], [1, 2]]]]]", not_finite, 35,
			0},
		{"[7, 5, 1, 0.0, 0.0, [[\"k\", [[1], [1, {\"float\": \"inf\"}]]]]]", not_finite, 35,
			0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, true);
}

static void the_smaller_messages_of_the_stream_are_checked_too(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[8, 5, 1, 0.0]", "kind is missing; expected text", 32, 0},
		{"[8, 5, 1, 0.0, \"\"]", "kind has 0 bytes; expected 1 to 64", 32, 0},
		{"[8, 5, 1, 0.0, \"k\", 1]", "text is an integer; expected text", 32, 0},
		{"[9, 5]", "step is missing; expected an integer", 33, 0},
		{"[9, 5, 1]", "time is missing; expected a float", 32, 0},
		{"[10, 5, 0, null, 0.0]", "step is missing; expected an integer", 33, 4},
		{"[11, 5, []]", "an element is a list; expected a map", 32, 0},
		{"[11, 5, {\"tags\": 7}]", "tags is an integer; expected a list of texts", 32, 0},
		{"[11, 5, {\"config\": {}}]", "config is a map; expected text", 32, 0},
		{"[14, 5, null, null, 0.0]", "exit_code is missing; expected an integer of 32 bits",
			32, 0},
		{"[14, 5, 2147483648, null, 0.0]",
			"exit_code is an integer; expected an integer of 32 bits", 32, 0},
		{"[14, 5, -2147483649, null, 0.0]",
			"exit_code is an integer; expected an integer of 32 bits", 32, 0},
		{"[14, 5, 0, \"crashed\", 0.0]",
			"state is \"crashed\"; expected finished, failed, preempted or stopped", 32,
			0},
		{"[14, 5, 0, null]", "time is missing; expected a float", 32, 0},
		{"[14, 5, 0, null, 0.0, 7]", "words is an integer; expected text", 32, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, true);
}

static void a_broken_dropped_ends_the_connection_because_nobody_knows_how_many_it_was(
	void **state) {
	(void)state;
	static const char halves[] = "lap and step are given only together";
	static const struct refusal cases[] = {
		{"[12, 5, 0]", "count is 0; expected 1 to 9223372036854775803", 2, 0},
		{"[12, 5, {\"u64\": \"9223372036854775804\"}]",
			"count is 9223372036854775804; expected 1 to 9223372036854775803", 2, 0},
		{"[12, 5, 3, null, 2]", halves, 2, 0},
		{"[12, 5, 3, 2]", halves, 2, 0},
		{"[12, 5, 3, 2147483646, 1]", "lap is 2147483646; expected 0 to 2147483645", 2, 0},
		{"[12, 5, 3, 1, 2147483646]", "step is 2147483646; expected 0 to 2147483645", 2, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_MALFORMED, false);
}

static void what_only_asks_is_checked_as_well(void **state) {
	(void)state;
	static const struct refusal cases[] = {
		{"[13]", "through_seq is missing; expected an integer", 2, 0},
		{"[13, -1]", "through_seq is -1; expected at least 0", 2, 0},
		{"[15, -1, 0]", "token is -1; expected at least 0", 2, 0},
		{"[15, 1]", "through_seq is missing; expected an integer", 2, 0},
		{"[20, 1]", "what is missing; expected text", 2, 0},
		{"[20, null, \"ping\"]", "token is missing; expected an integer", 2, 0},
		{"[20, 1, \"\"]", "what has 0 bytes; expected 1 to 64", 2, 0},
		{"[20, 1, \"status\", {\"run\": 1}]", "run is an integer; expected text", 2, 0},
		{"[20, 1, \"status\", 7]", "an element is an integer; expected a map", 2, 0},
	};

	check_refusals(cases, COUNT(cases), DECODE_BAD_FIELD, false);
}

/* The words go back to the peer in a message of ours, which must itself be decodable. */
static void words_about_hostile_text_are_printable_ascii(void **state) {
	(void)state;
	struct message m;
	struct decode_error err;

	assert_int_equal(
		decode_text(OPEN_OF(", \"resume\": \"\\u0430\\u0431\\u0432\""), 0, &m, &err),
		DECODE_BAD_FIELD);
	for (const char *c = err.words; *c != '\0'; c++) {
		assert_in_range(*c, ' ', '~');
	}
}

static int create(void **state) {
	(void)state;
	decoder = decoder_create();
	return decoder == NULL;
}

static int destroy(void **state) {
	(void)state;
	decoder_destroy(decoder);
	decoder_destroy(NULL);
	return 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_message_is_malformed),
		cmocka_unit_test(a_poison_message_can_be_consumed_by_its_seq),
		cmocka_unit_test(a_header_that_breaks_off_behind_its_seq_can_be_consumed),
		cmocka_unit_test(a_hello_says_what_it_speaks_and_who_it_is),
		cmocka_unit_test(an_open_without_its_four_keys_is_refused),
		cmocka_unit_test(an_open_out_of_range_is_told_what_was_expected),
		cmocka_unit_test(an_open_with_bad_names_is_refused),
		cmocka_unit_test(long_lists_are_refused_but_arguments_are_cut),
		cmocka_unit_test(of_a_key_given_twice_the_last_one_counts),
		cmocka_unit_test(a_question_with_a_wrong_argument_is_refused_and_no_key_repeated),
		cmocka_unit_test(a_step_out_of_range_is_refused_by_its_seq),
		cmocka_unit_test(a_payload_is_exactly_the_counts_that_were_announced),
		cmocka_unit_test(more_scalars_than_can_be_named_are_refused),
		cmocka_unit_test(a_log_holds_keys_and_values_it_can_keep),
		cmocka_unit_test(a_histogram_has_one_edge_more_than_counts),
		cmocka_unit_test(the_smaller_messages_of_the_stream_are_checked_too),
		cmocka_unit_test(
			a_broken_dropped_ends_the_connection_because_nobody_knows_how_many_it_was),
		cmocka_unit_test(what_only_asks_is_checked_as_well),
		cmocka_unit_test(words_about_hostile_text_are_printable_ascii),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, create, destroy);
}

/* Every golden frame: decoded it says what its file says, and where the file is exact, encoding that
 * message again gives the same bytes. Argument: the folder of the files. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode.h"
#include "encode.h"
#include "frame_json.h"

struct golden {
	json_t *json;
	uint8_t *bytes;
	size_t len;
	struct frame_view frame;
	struct decoder *decoder;
};

static int open_golden(void **state) {
	struct golden *g = calloc(1, sizeof *g);
	json_error_t error;

	g->json = json_load_file(*state, 0, &error);
	if (g->json == NULL) {
		print_error("%s:%d: %s\n", (const char *)*state, error.line, error.text);
		free(g);
		return -1;
	}
	g->bytes = bytes_of_hex(json_string_value(json_object_get(g->json, "frame")), &g->len);
	g->decoder = decoder_create();
	*state = g;
	return frame_next(g->bytes, g->len, UINT32_MAX, &g->frame) == FRAME_READY &&
			       g->frame.total_len == g->len
		       ? 0
		       : -1;
}

static int close_golden(void **state) {
	struct golden *g = *state;

	decoder_destroy(g->decoder);
	free(g->bytes);
	json_decref(g->json);
	free(g);
	return 0;
}

static void assert_json_equal(const json_t *actual, const json_t *expected) {
	if (!json_equal(actual, expected)) {
		char *a = json_dumps(actual, JSON_SORT_KEYS | JSON_ENCODE_ANY);
		char *e = json_dumps(expected, JSON_SORT_KEYS | JSON_ENCODE_ANY);
		print_error("decoded  %s\nexpected %s\n", a, e);
		free(a);
		free(e);
		fail();
	}
}

static void check_encoded(const struct golden *g, const struct message *m) {
	uint8_t *out = malloc(encode_size_max(m));
	size_t payload_len = message_payload_len(m);
	size_t len = encode(m, (uint32_t)payload_len, out, encode_size_max(m));

	assert_int_equal(payload_len, g->frame.payload_len);
	assert_int_equal(len + payload_len, g->len);
	assert_memory_equal(out, g->bytes, len);
	free(out);
}

static void check_understood(const struct golden *g) {
	struct message m;
	struct decode_error err;
	json_t *told;

	if (decode(g->decoder, &g->frame, &m, &err) != DECODE_OK) {
		fail_msg("%s", err.words);
	}
	told = message_to_json(&m);
	assert_json_equal(told, json_object_get(g->json, "message"));
	json_decref(told);
	if (json_is_true(json_object_get(g->json, "exact"))) {
		check_encoded(g, &m);
	}
}

static void check_refused(const struct golden *g, const json_t *refused) {
	struct message m;
	struct decode_error err;
	enum decode_result result = decode(g->decoder, &g->frame, &m, &err);

	assert_int_not_equal(result, DECODE_OK);
	json_t *told = json_pack("{s:s, s:i, s:s}", "result",
		result == DECODE_MALFORMED ? "malformed" : "bad field", "code", (int)err.code,
		"words", err.words);
	json_object_set_new(
		told, "seq", err.has_seq ? json_integer((json_int_t)err.seq) : json_null());
	assert_json_equal(told, refused);
	json_decref(told);
}

/* The file's own header, packed by msgpack-c, is the frame's: the text beside the bytes is true. */
static void check_header(const struct golden *g) {
	const json_t *header = json_object_get(g->json, "header");
	size_t len;

	if (header != NULL && !json_is_false(json_object_get(g->json, "exact"))) {
		uint8_t *bytes =
			frame_from_json(header, g->frame.payload, g->frame.payload_len, &len);
		assert_int_equal(len, g->len);
		assert_memory_equal(bytes, g->bytes, len);
		free(bytes);
	}
}

static void a_golden_frame_is_what_its_file_says(void **state) {
	const struct golden *g = *state;
	const json_t *refused = json_object_get(g->json, "refused");

	check_header(g);
	if (refused != NULL) {
		check_refused(g, refused);
	} else {
		check_understood(g);
	}
}

int main(int argc, char **argv) {
	char pattern[4096];
	glob_t files;

	(void)snprintf(pattern, sizeof pattern, "%s/*.json", argc > 1 ? argv[1] : ".");
	if (glob(pattern, 0, NULL, &files) != 0) {
		(void)fprintf(stderr, "%s: no golden frames\n", pattern);
		return 1;
	}

	struct CMUnitTest *tests = calloc(files.gl_pathc, sizeof *tests);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		tests[i] = (struct CMUnitTest){.name = strrchr(files.gl_pathv[i], '/') + 1,
			.test_func = a_golden_frame_is_what_its_file_says,
			.setup_func = open_golden,
			.teardown_func = close_golden,
			.initial_state = files.gl_pathv[i]};
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = _cmocka_run_group_tests("golden frames", tests, files.gl_pathc, NULL, NULL);
	free(tests);
	globfree(&files);
	return failed;
}

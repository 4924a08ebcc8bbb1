#include "reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static struct text body_of(const char *text) {
	return text_of(text, strlen(text));
}

static void assert_no_upsert(const char *body, const char *words) {
	char said[256] = "";
	struct reply_upsert u = {.history_lines = 77};

	assert_int_equal(reply_read_upsert(body_of(body), &u, said), -EBADMSG);
	assert_string_equal(said, words);
	assert_null(u.run_id);
	assert_int_equal(u.history_lines, 77);
}

/* ---- UpsertBucket ---- */

static void an_upsert_says_what_the_run_is_called(void **state) {
	static const char body[] =
		"{\"data\":{\"upsertBucket\":{\"inserted\":true,\"bucket\":{\"id\":\"UnVu\","
		"\"name\":\"abc12345\",\"displayName\":\"fuzzy-plum-12\",\"description\":null,"
		"\"config\":\"{}\",\"sweepName\":null,\"project\":{\"id\":\"UHJv\","
		"\"name\":\"proj1\",\"entity\":{\"id\":\"RW50\",\"name\":\"fake-entity\"}},"
		"\"historyLineCount\":12}}},\"extensions\":{\"x\":1}}\n";
	char words[256];
	struct reply_upsert u;
	(void)state;

	assert_int_equal(reply_read_upsert(body_of(body), &u, words), 0);
	assert_string_equal(u.storage_id, "UnVu");
	assert_string_equal(u.run_id, "abc12345");
	assert_string_equal(u.display_name, "fuzzy-plum-12");
	assert_string_equal(u.project, "proj1");
	assert_string_equal(u.entity, "fake-entity");
	assert_true(u.is_new);
	assert_int_equal(u.history_lines, 12);
	reply_upsert_finish(&u);
	assert_null(u.run_id);
	reply_upsert_finish(&u);
	reply_upsert_finish(NULL);
}

#define UPSERT(bucket, payload)                                                                    \
	"{\"data\":{\"upsertBucket\":{\"bucket\":{\"name\":\"r\",\"project\":{\"name\":\"p\","     \
	"\"entity\":{\"name\":\"e\"}}" bucket "}" payload "}}}"

static void what_an_upsert_does_not_say_is_not_known(void **state) {
	char words[256];
	struct reply_upsert u;
	(void)state;

	assert_int_equal(reply_read_upsert(body_of(UPSERT("", "")), &u, words), 0);
	assert_null(u.storage_id);
	assert_null(u.display_name);
	assert_false(u.is_new);
	assert_int_equal(u.history_lines, -1);
	reply_upsert_finish(&u);
}

static void a_count_of_lines_is_a_whole_number_or_nothing(void **state) {
	static const struct {
		const char *body;
		int64_t lines;
	} cases[] = {
		{UPSERT(",\"historyLineCount\":0", ""), 0},
		{UPSERT(",\"historyLineCount\":7.0", ""), 7},
		{UPSERT(",\"historyLineCount\":1e3", ""), 1000},
		{UPSERT(",\"historyLineCount\":7.5", ""), -1},
		{UPSERT(",\"historyLineCount\":1e300", ""), -1},
		{UPSERT(",\"historyLineCount\":-3", ""), -1},
		{UPSERT(",\"historyLineCount\":null", ""), -1},
		{UPSERT(",\"historyLineCount\":\"7\"", ""), -1},
		{UPSERT(",\"historyLineCount\":9223372036854775807", ""), INT64_MAX},
	};
	char words[256];
	(void)state;

	for (size_t i = 0; i < N(cases); i++) {
		struct reply_upsert u;
		assert_int_equal(reply_read_upsert(body_of(cases[i].body), &u, words), 0);
		assert_int_equal(u.history_lines, cases[i].lines);
		reply_upsert_finish(&u);
	}
}

static void only_true_means_that_a_run_is_new(void **state) {
	static const char *const bodies[] = {UPSERT("", ",\"inserted\":false"),
		UPSERT("", ",\"inserted\":null"), UPSERT("", ",\"inserted\":1")};
	char words[256];
	(void)state;

	for (size_t i = 0; i < N(bodies); i++) {
		struct reply_upsert u;
		assert_int_equal(reply_read_upsert(body_of(bodies[i]), &u, words), 0);
		assert_false(u.is_new);
		reply_upsert_finish(&u);
	}
}

static void an_upsert_without_the_names_is_none(void **state) {
	(void)state;
	assert_no_upsert(
		"{\"data\":{\"upsertBucket\":null}}", "the answer has no upsertBucket.bucket.name");
	assert_no_upsert("{\"data\":{\"upsertBucket\":{\"bucket\":{\"id\":\"x\",\"name\":7}}}}",
		"the answer has no upsertBucket.bucket.name");
	assert_no_upsert("{\"data\":{\"upsertBucket\":{\"bucket\":{\"name\":\"a\\u0000b\"}}}}",
		"the answer has no upsertBucket.bucket.name");
	assert_no_upsert("{\"data\":{\"upsertBucket\":{\"bucket\":{\"id\":\"x\",\"name\":\"r\","
			 "\"project\":{\"name\":\"\",\"entity\":{\"name\":\"e\"}}}}}}",
		"the answer has no upsertBucket.bucket.project.name");
	assert_no_upsert("{\"data\":{\"upsertBucket\":{\"bucket\":{\"id\":\"x\",\"name\":\"r\","
			 "\"project\":{\"name\":\"p\",\"entity\":null}}}}}",
		"the answer has no upsertBucket.bucket.project.entity.name");
}

static void an_error_counts_also_beside_data(void **state) {
	(void)state;
	assert_no_upsert("{\"errors\":[{\"message\":\"Error 1062: Duplicate entry\","
			 "\"path\":[\"upsertBucket\"]}],\"data\":{\"upsertBucket\":null}}",
		"Error 1062: Duplicate entry");
	assert_no_upsert(
		"{\"errors\":[\"no\"],\"data\":{\"upsertBucket\":{\"bucket\":{\"name\":\"r\","
		"\"project\":{\"name\":\"p\",\"entity\":{\"name\":\"e\"}}}}}}",
		"no");
	assert_no_upsert("{\"errors\":[{\"path\":[]}]}", "an error without words");
}

static void no_errors_are_no_error(void **state) {
	static const char body[] =
		"{\"error\":null,\"errors\":[],\"data\":{\"upsertBucket\":{\"bucket\":"
		"{\"name\":\"r\",\"project\":{\"name\":\"p\",\"entity\":{\"name\":\"e\"}}}}}}";
	char words[256];
	struct reply_upsert u;
	(void)state;

	assert_int_equal(reply_read_upsert(body_of(body), &u, words), 0);
	reply_upsert_finish(&u);
}

static void garbage_is_an_error_in_words(void **state) {
	(void)state;
	assert_no_upsert("", "the answer is empty");
	assert_no_upsert("{\"data\":{", "the answer is no JSON: {\"data\":{");
	assert_no_upsert("{} {}", "the answer is no JSON: {} {}");
	assert_no_upsert("<html><body>Sign in to Wi-Fi</body></html>",
		"the answer is no JSON: Sign in to Wi-Fi");
	assert_no_upsert("[1,2]", "the answer has no data");
	assert_no_upsert("{\"data\":null}", "the answer has no data");
	assert_no_upsert("{\"data\":[]}", "the answer has no data");
}

static void a_mebibyte_of_garbage_is_an_error_like_any_other(void **state) {
	static const char fillers[] = {'{', '[', '"', '\\', '<', ' ', '9', '\0', '\xff', 'x'};
	const size_t len = 1u << 20;
	char *body = malloc(len);
	(void)state;
	assert_non_null(body);

	for (size_t i = 0; i < N(fillers); i++) {
		char words[256] = "";
		struct reply_upsert u;
		struct reply_resume r;
		memset(body, fillers[i], len);
		assert_int_equal(reply_read_upsert(text_of(body, len), &u, words), -EBADMSG);
		assert_memory_equal(words, "the answer is no JSON:", 22);
		assert_int_equal(reply_read_resume(text_of(body, len), &r, words), -EBADMSG);
		assert_false(reply_says_stopped(text_of(body, len)));
		reply_error_words(text_of(body, len), words);
	}
	free(body);
}

/* ---- RunResumeStatus ---- */

#define RESUME(bucket) "{\"data\":{\"model\":{\"name\":\"p\",\"bucket\":{" bucket "}}}}"

static struct reply_resume resume(const char *body) {
	struct reply_resume r = {0};
	char words[256] = "";

	if (reply_read_resume(body_of(body), &r, words) != 0) {
		fail_msg("%s: %s", body, words);
	}
	return r;
}

static void assert_no_resume(const char *body, const char *words) {
	struct reply_resume r = {.step = 77};
	char said[256] = "";

	assert_int_equal(reply_read_resume(body_of(body), &r, said), -EBADMSG);
	assert_string_equal(said, words);
	assert_int_equal(r.step, 77);
}

static void the_newest_line_says_how_far_a_run_came(void **state) {
	(void)state;
	struct reply_resume r = resume(RESUME(
		"\"name\":\"r\",\"historyLineCount\":2,\"summaryMetrics\":\"{\\\"_step\\\":9}\","
		"\"historyTail\":\"[\\\"{\\\\\\\"_step\\\\\\\":3}\\\","
		"\\\"{\\\\\\\"loss\\\\\\\":NaN,\\\\\\\"_step\\\\\\\":4,"
		"\\\\\\\"_timestamp\\\\\\\":1795449374.5}\\\"]\""));

	assert_true(r.exists);
	assert_int_equal(r.history_lines, 2);
	assert_true(r.has_step);
	assert_int_equal(r.step, 4);
	assert_true(r.has_timestamp);
	assert_true(r.timestamp == 1795449374.5);
}

static void a_line_without_a_step_leaves_it_to_the_summary(void **state) {
	(void)state;
	struct reply_resume r =
		resume(RESUME("\"historyTail\":\"[\\\"{\\\\\\\"_timestamp\\\\\\\":5}\\\"]\","
			      "\"summaryMetrics\":\"{\\\"a\\\":-Infinity,\\\"_step\\\":7.0,\\\"_"
			      "timestamp\\\":6}\""));

	assert_true(r.has_step);
	assert_int_equal(r.step, 7);
	assert_true(r.has_timestamp);
	assert_true(r.timestamp == 5);
	assert_int_equal(r.history_lines, -1);
}

static void a_run_that_never_logged_exists_all_the_same(void **state) {
	static const char *const bodies[] = {
		RESUME(""),
		RESUME("\"historyTail\":null,\"summaryMetrics\":null"),
		RESUME("\"historyTail\":\"\",\"summaryMetrics\":\"\""),
		RESUME("\"historyTail\":\"[]\",\"summaryMetrics\":\"{}\""),
		RESUME("\"historyTail\":\"null\",\"summaryMetrics\":\"null\""),
	};
	(void)state;

	for (size_t i = 0; i < N(bodies); i++) {
		struct reply_resume r = resume(bodies[i]);
		assert_true(r.exists);
		assert_false(r.has_step);
		assert_false(r.has_timestamp);
	}
}

static void null_means_that_there_is_no_such_run(void **state) {
	(void)state;
	assert_false(resume("{\"data\":{\"model\":null}}").exists);
	assert_false(resume("{\"data\":{\"model\":{\"name\":\"p\",\"bucket\":null}}}").exists);
}

static void an_answer_that_leaves_the_run_out_does_not_say_that_there_is_none(void **state) {
	(void)state;
	assert_no_resume("{\"data\":{}}", "the answer has no model.bucket");
	assert_no_resume("{\"data\":{\"model\":{}}}", "the answer has no model.bucket");
	assert_no_resume(
		"{\"data\":{\"model\":{\"bucket\":\"r\"}}}", "the answer has no model.bucket");
	assert_no_resume("{\"data\":null}", "the answer has no data");
	assert_no_resume("{\"data\":{\"model\":null},\"errors\":[\"denied\"]}", "denied");
}

static void a_tail_that_cannot_be_read_is_not_taken_for_none(void **state) {
	static const char *const bodies[] = {
		RESUME("\"historyTail\":7"),
		RESUME("\"historyTail\":\"{}\""),
		RESUME("\"historyTail\":\"[\""),
		RESUME("\"historyTail\":\"[7]\""),
		RESUME("\"historyTail\":\"[\\\"\\\"]\""),
		RESUME("\"historyTail\":\"[\\\"{\\\\\\\"_step\\\\\\\":\\\"]\""),
	};
	(void)state;

	for (size_t i = 0; i < N(bodies); i++) {
		assert_no_resume(bodies[i], "the answer has no historyTail that can be read");
	}
	assert_no_resume(RESUME("\"summaryMetrics\":\"[1]\""),
		"the answer has no summaryMetrics that can be read");
	assert_no_resume(RESUME("\"summaryMetrics\":{}"),
		"the answer has no summaryMetrics that can be read");
}

/* ---- file_stream ---- */

static void only_true_stops_a_run(void **state) {
	static const char *const others[] = {"", "{}", "{\"stopped\":false}", "{\"stopped\":1}",
		"{\"stopped\":\"true\"}", "{\"a\":{\"stopped\":true}}", "[true]", "stopped",
		"{\"stopped\":true", "null"};
	(void)state;

	assert_true(reply_says_stopped(
		body_of("{\"exitcode\":null,\"limits\":{\"rate\":\"400/s\"},\"stopped\":true}")));
	for (size_t i = 0; i < N(others); i++) {
		assert_false(reply_says_stopped(body_of(others[i])));
	}
	assert_false(reply_says_stopped((struct text){0}));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_upsert_says_what_the_run_is_called),
		cmocka_unit_test(what_an_upsert_does_not_say_is_not_known),
		cmocka_unit_test(a_count_of_lines_is_a_whole_number_or_nothing),
		cmocka_unit_test(only_true_means_that_a_run_is_new),
		cmocka_unit_test(an_upsert_without_the_names_is_none),
		cmocka_unit_test(an_error_counts_also_beside_data),
		cmocka_unit_test(no_errors_are_no_error),
		cmocka_unit_test(garbage_is_an_error_in_words),
		cmocka_unit_test(a_mebibyte_of_garbage_is_an_error_like_any_other),
		cmocka_unit_test(the_newest_line_says_how_far_a_run_came),
		cmocka_unit_test(a_line_without_a_step_leaves_it_to_the_summary),
		cmocka_unit_test(a_run_that_never_logged_exists_all_the_same),
		cmocka_unit_test(null_means_that_there_is_no_such_run),
		cmocka_unit_test(an_answer_that_leaves_the_run_out_does_not_say_that_there_is_none),
		cmocka_unit_test(a_tail_that_cannot_be_read_is_not_taken_for_none),
		cmocka_unit_test(only_true_stops_a_run),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

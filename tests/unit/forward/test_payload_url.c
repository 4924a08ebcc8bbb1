#include "payload.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

static void assert_text(struct buf *out, const char *expected) {
	assert_string_equal(buf_text(out), expected);
	buf_finish(out);
}

static void assert_stream_url(const char *base, const char *entity, const char *project,
	const char *run_id, const char *expected) {
	struct buf out = {0};

	assert_int_equal(payload_stream_url(&out, base, entity, project, run_id), 0);
	assert_text(&out, expected);
}

static void assert_page(const char *base, const char *app, const char *expected) {
	struct buf out = {0};

	assert_int_equal(payload_run_url(&out, base, app, "e", "p", "r"), 0);
	assert_text(&out, expected);
}

static void a_base_may_end_in_slashes(void **state) {
	static const char *const bases[] = {
		"https://api.wandb.ai", "https://api.wandb.ai/", "https://api.wandb.ai///"};
	(void)state;

	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		struct buf out = {0};
		assert_int_equal(payload_graphql_url(&out, bases[i]), 0);
		assert_text(&out, "https://api.wandb.ai/graphql");
		assert_stream_url(
			bases[i], "e", "p", "r", "https://api.wandb.ai/files/e/p/r/file_stream");
	}
}

static void a_base_may_have_a_path(void **state) {
	struct buf out = {0};
	(void)state;
	assert_int_equal(payload_graphql_url(&out, "http://127.0.0.1:8080/wandb/"), 0);
	assert_text(&out, "http://127.0.0.1:8080/wandb/graphql");
	assert_stream_url("http://127.0.0.1:8080/wandb", "e", "p", "r",
		"http://127.0.0.1:8080/wandb/files/e/p/r/file_stream");
}

static void a_name_never_becomes_more_than_one_segment(void **state) {
	(void)state;
	assert_stream_url("http://h", "a/b", "p?x=1#y", "100% \"r\"\\",
		"http://h/files/a%2Fb/p%3Fx%3D1%23y/100%25%20%22r%22%5C/file_stream");
	assert_stream_url("http://h", "caf\xc3\xa9", "a:b@c+d&e", "x\x01\x7f",
		"http://h/files/caf%C3%A9/a%3Ab%40c%2Bd%26e/x%01%7F/file_stream");
}

static void what_needs_no_escape_gets_none(void **state) {
	(void)state;
	assert_stream_url("http://h", "AZaz09", "a-b.c_d~e", "r",
		"http://h/files/AZaz09/a-b.c_d~e/r/file_stream");
}

static void the_page_of_a_run_is_where_people_look(void **state) {
	(void)state;
	assert_page("https://api.wandb.ai", NULL, "https://wandb.ai/e/p/runs/r");
	assert_page("https://api.wandb.ai/", "", "https://wandb.ai/e/p/runs/r");
	assert_page("https://api.wandb.test", NULL, "https://app.wandb.test/e/p/runs/r");
	assert_page("https://api.qa.example.com", NULL, "https://app.qa.example.com/e/p/runs/r");
	assert_page("http://localhost:8080/", NULL, "http://localhost:8080/e/p/runs/r");
	assert_page("https://wandb.example.com/x/", NULL, "https://wandb.example.com/x/e/p/runs/r");
	assert_page("https://capi.wandb.ai", NULL, "https://capi.wandb.ai/e/p/runs/r");
}

static void the_page_is_where_the_user_says(void **state) {
	(void)state;
	assert_page("https://api.wandb.ai", "https://ui.example.com//",
		"https://ui.example.com/e/p/runs/r");
	/* Also where it looks like an API. */
	assert_page("https://api.wandb.ai", "https://api.example.com",
		"https://api.example.com/e/p/runs/r");
}

static void names_in_a_page_are_escaped(void **state) {
	struct buf out = {0};
	(void)state;
	assert_int_equal(
		payload_run_url(&out, "https://api.wandb.ai", NULL, "my team", "p/q", "r#1"), 0);
	assert_text(&out, "https://wandb.ai/my%20team/p%2Fq/runs/r%231");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_base_may_end_in_slashes),
		cmocka_unit_test(a_base_may_have_a_path),
		cmocka_unit_test(a_name_never_becomes_more_than_one_segment),
		cmocka_unit_test(what_needs_no_escape_gets_none),
		cmocka_unit_test(the_page_of_a_run_is_where_people_look),
		cmocka_unit_test(the_page_is_where_the_user_says),
		cmocka_unit_test(names_in_a_page_are_escaped),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

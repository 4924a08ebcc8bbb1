#include "reply.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

#define N(array) (sizeof(array) / sizeof(array)[0])

static void assert_words_of(struct text body, const char *words) {
	char said[256];

	/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
	char *exact = malloc(body.len + (body.len == 0));
	assert_non_null(exact);
	memcpy(exact, body.data, body.len);
	reply_error_words(text_of(exact, body.len), said);
	free(exact);
	assert_string_equal(said, words);
	assert_null(text_flaw(text_of(said, strlen(said)), true));
}

static void assert_words(const char *body, const char *words) {
	assert_words_of(text_of(body, strlen(body)), words);
}

static void an_error_is_found_in_each_of_its_places(void **state) {
	(void)state;
	assert_words("{\"error\":\"permission denied\"}", "permission denied");
	assert_words("{\"error\":{\"message\":\"no such run\",\"code\":7}}", "no such run");
	assert_words("{\"errors\":[{\"message\":\"Error 1062: Duplicate entry\","
		     "\"path\":[\"upsertBucket\"]}],\"data\":{\"upsertBucket\":null}}",
		"Error 1062: Duplicate entry");
	assert_words("{\"errors\":[\"one\",{\"message\":\"two\"}]}", "one; two");
	assert_words("{\"error\":\"one\",\"errors\":[{\"message\":\"two\"}]}", "one; two");
}

static void an_error_without_a_message_is_shown_as_it_is(void **state) {
	(void)state;
	assert_words("{\"errors\":[{\"code\":7}]}", "{\"errors\":[{\"code\":7}]}");
	assert_words("{\"error\":{\"message\":5}}", "{\"error\":{\"message\":5}}");
	assert_words("{\"detail\":\"gone\"}", "{\"detail\":\"gone\"}");
	assert_words("{\"error\":\"\"}", "{\"error\":\"\"}");
	assert_words("{\"errors\":[null,7]}", "{\"errors\":[null,7]}");
}

static void plain_text_is_shown_with_its_whitespace_folded(void **state) {
	(void)state;
	assert_words("  upstream \r\n\t timed   out\n", "upstream timed out");
	assert_words("a < b and 1<2 <tag>", "a < b and 1<2 <tag>");
	assert_words("{\"error\":\"a\\n\\t b <c>\"}", "a b <c>");
}

static void nothing_is_said_by_nothing(void **state) {
	(void)state;
	assert_words("", "");
	assert_words(" \n\t ", "");
	assert_words("<html><head></head><body></body></html>", "");
	assert_words_of(text_of("\0\0\0", 3), "");
	char words[256] = "before";
	reply_error_words((struct text){0}, words);
	assert_string_equal(words, "");
}

static void of_a_proxys_page_what_it_says_is_shown(void **state) {
	(void)state;
	assert_words("<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
		     "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n",
		"502 Bad Gateway 502 Bad Gateway nginx");
	assert_words("\n<!DOCTYPE html><!--[if lt IE 7]> <html class=\"ie6\"> <![endif]-->"
		     "<TITLE>api.wandb.ai | 502</TITLE><style>b { color: red }</style>"
		     "<SCRIPT type='x'>if (a < b) { alert('no'); }</SCRIPT><p>Bad<br/>gateway "
		     "<!-- a > b --> 1<2</p>",
		"api.wandb.ai | 502 Bad gateway 1<2");
}

static void a_page_cut_short_within_a_tag_ends_before_it(void **state) {
	static const char *const cut[] = {"<p>busy</p><a href=\"x", "<p>busy<!-- more",
		"<p>busy<script>var a", "<p>busy</", "<p>busy<!"};
	(void)state;

	for (size_t i = 0; i < N(cut); i++) {
		assert_words(cut[i], "busy");
	}
	assert_words("<", "<");
	assert_words("<p>busy<", "busy<");
}

static void control_characters_never_pass(void **state) {
	(void)state;
	assert_words("a\x1b[31mred\x07\x7f!", "a [31mred !");
	assert_words("{\"error\":\"a\\u001b[2Jb\\u0000c\\u009b1md\"}", "a [2Jb c 1md");
	assert_words_of(text_of("a\0b", 3), "a b");
}

static void broken_utf8_becomes_one_mark(void **state) {
	(void)state;
	assert_words("caf\xc3\xa9 \xff\xfe\x80 ok", "caf\xc3\xa9 \xef\xbf\xbd ok");
	assert_words("x\xe2\x82", "x\xef\xbf\xbd"); /* cut short */
	assert_words(
		"x\xed\xa0\x80y\xc0\xafz", "x\xef\xbf\xbdy\xef\xbf\xbdz"); /* surrogate, overlong */
}

static void what_is_too_long_is_cut_between_characters(void **state) {
	static const char *const characters[] = {
		"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	(void)state;

	for (size_t i = 0; i < N(characters); i++) {
		size_t len = strlen(characters[i]);
		for (size_t shift = 0; shift < len; shift++) {
			char body[1024] = "aaa", words[256];
			size_t end = shift;
			for (; end + len <= sizeof body; end += len) {
				memcpy(body + end, characters[i], len);
			}
			reply_error_words(text_of(body, end), words);
			size_t said = strlen(words);
			assert_in_range(said, 256 - len, 255);
			assert_memory_equal(words, body, said);
			assert_null(text_flaw(text_of(words, said), true));
		}
	}
}

static void a_cut_leaves_no_space_at_the_end(void **state) {
	char body[300], words[256];
	(void)state;
	memset(body, 'a', sizeof body);
	body[254] = ' ';

	reply_error_words(text_of(body, sizeof body), words);
	assert_int_equal(strlen(words), 254);
}

static void nobody_reads_on_for_ever_until_something_is_said(void **state) {
	static char body[100000];
	char words[256];
	(void)state;

	memset(body, ' ', sizeof body);
	body[65535] = 'a';
	body[65536] = 'b';
	reply_error_words(text_of(body, sizeof body), words);
	assert_string_equal(words, "a");
	body[0] = '<';
	body[1] = 'p';
	body[2] = '>';
	reply_error_words(text_of(body, sizeof body), words);
	assert_string_equal(words, "a");
}

static void a_deleted_id_is_known_by_what_is_said_of_it(void **state) {
	(void)state;
	assert_true(reply_says_deleted(
		"run e/p/abc was previously created and deleted; try a new run name"));
	assert_false(reply_says_deleted("Error 1062: Duplicate entry"));
	assert_false(reply_says_deleted(""));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_found_in_each_of_its_places),
		cmocka_unit_test(an_error_without_a_message_is_shown_as_it_is),
		cmocka_unit_test(plain_text_is_shown_with_its_whitespace_folded),
		cmocka_unit_test(nothing_is_said_by_nothing),
		cmocka_unit_test(of_a_proxys_page_what_it_says_is_shown),
		cmocka_unit_test(a_page_cut_short_within_a_tag_ends_before_it),
		cmocka_unit_test(control_characters_never_pass),
		cmocka_unit_test(broken_utf8_becomes_one_mark),
		cmocka_unit_test(what_is_too_long_is_cut_between_characters),
		cmocka_unit_test(a_cut_leaves_no_space_at_the_end),
		cmocka_unit_test(nobody_reads_on_for_ever_until_something_is_said),
		cmocka_unit_test(a_deleted_id_is_known_by_what_is_said_of_it),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

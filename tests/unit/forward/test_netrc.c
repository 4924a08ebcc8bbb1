/* netrc is read as W&B's own client reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "credential.h"
#include "netrc.h"

/* The text is put into memory of exactly its size: a byte read behind it is found out. */
static int find_in(const char *text, size_t len, const char *machine, char **ret, unsigned *line) {
	char *copy = malloc(len + (len == 0));
	assert_non_null(copy);
	memcpy(copy, text, len);
	int result = netrc_find(copy, len, machine, ret, line);
	free(copy);
	return result;
}

static void assert_password(const char *text, const char *expected) {
	char *password = NULL;
	unsigned line = 0;

	int result = find_in(text, strlen(text), "api.wandb.ai", &password, &line);
	if (expected == NULL) {
		assert_int_equal(result, NETRC_NONE);
		assert_null(password);
		return;
	}
	assert_int_equal(result, NETRC_FOUND);
	assert_string_equal(password, expected);
	credential_free(password);
}

static void assert_malformed(const char *text, unsigned expected_line) {
	char *password = NULL;
	unsigned line = 0;

	assert_int_equal(
		find_in(text, strlen(text), "api.wandb.ai", &password, &line), NETRC_MALFORMED);
	assert_null(password);
	assert_int_equal(line, expected_line);
}

static void what_wandb_login_writes_is_found(void **state) {
	(void)state;
	assert_password("machine api.wandb.ai\n  login user\n  password abc123\n", "abc123");
	assert_password("machine api.wandb.ai login user password abc123", "abc123");
	assert_password(
		"machine\tapi.wandb.ai\r\n\tlogin\tuser\r\n\tpassword\tabc123\r\n", "abc123");
	assert_password("", NULL);
	assert_password("\n \n", NULL);
}

static void only_the_machine_asked_for_is_meant(void **state) {
	char *password = NULL;
	unsigned line = 0;
	const char *text = "machine localhost login user password a\n"
			   "machine localhost:8080 login user password b\n"
			   "machine localhost:80800 login user password c\n";
	(void)state;

	assert_int_equal(
		find_in(text, strlen(text), "localhost:8080", &password, &line), NETRC_FOUND);
	assert_string_equal(password, "b");
	credential_free(password);
	assert_int_equal(find_in(text, strlen(text), "localhost:81", &password, &line), NETRC_NONE);
	assert_password("machine Api.Wandb.AI password abc123", "abc123");
}

static void the_default_is_for_who_has_no_entry_of_its_own(void **state) {
	(void)state;
	assert_password("default login user password d\n", "d");
	assert_password("default password d\nmachine api.wandb.ai password m\n", "m");
	assert_password("machine api.wandb.ai password m\ndefault password d\n", "m");
	assert_password("machine example.org password o\ndefault password d\n", "d");
}

static void the_last_of_two_entries_counts(void **state) {
	(void)state;
	assert_password("machine api.wandb.ai password a\nmachine api.wandb.ai password b", "b");
}

static void quotes_and_backslashes_keep_what_is_in_them(void **state) {
	(void)state;
	assert_password("machine api.wandb.ai password \"a b\"", "a b");
	assert_password("machine api.wandb.ai password \"a\\\"b\"", "a\"b");
	assert_password("machine api.wandb.ai password a\\ b", "a b");
	assert_password("machine api.wandb.ai login \"\" password \"p\"", "p");
	assert_malformed("machine api.wandb.ai password \"a b\n", 2);
}

static void comments_are_passed_over(void **state) {
	(void)state;
	assert_password("# machine api.wandb.ai password a\n", NULL);
	assert_password("#machine api.wandb.ai password a\nmachine api.wandb.ai password b", "b");
	assert_password("machine api.wandb.ai # the login's \"key\nlogin user #\npassword b", "b");
	assert_password("machine api.wandb.ai password #b", "#b");
	assert_password("#", NULL);
}

static void macros_are_passed_over(void **state) {
	(void)state;
	assert_password("macdef init\nmachine api.wandb.ai password a\n\n"
			"machine api.wandb.ai password b",
		"b");
	assert_password("machine api.wandb.ai password b\nmacdef init\n\tcd /pub\r\n\r\n"
			"default password d",
		"b");
	assert_password("macdef init\nmachine api.wandb.ai password a\n", NULL);
	assert_malformed("machine api.wandb.ai login a\nmacdef m\nx\n\npassword b", 5);
}

static void a_word_out_of_place_spoils_all_of_it(void **state) {
	(void)state;
	assert_malformed("machine api.wandb.ai password a\nmachina example.org\n", 2);
	assert_malformed("login user", 1);
	assert_malformed("\n\npassword a", 3);
	assert_malformed("machine", 1);
	assert_malformed("machine api.wandb.ai password", 1);
	assert_malformed("<html>", 1);
}

static void a_nul_or_an_endless_word_spoils_it_too(void **state) {
	static const char nul[] = "machine api.wandb.ai password a\0b";
	static const char head[] = "machine api.wandb.ai password ";
	char *password = NULL, text[8192];
	unsigned line = 0;
	(void)state;

	assert_int_equal(
		find_in(nul, sizeof nul - 1, "api.wandb.ai", &password, &line), NETRC_MALFORMED);
	memset(text, 'a', sizeof text);
	memcpy(text, head, sizeof head - 1);
	assert_int_equal(find_in(text, sizeof head - 1 + 4096, "api.wandb.ai", &password, &line),
		NETRC_FOUND);
	credential_free(password);
	password = NULL;
	assert_int_equal(find_in(text, sizeof head - 1 + 4097, "api.wandb.ai", &password, &line),
		NETRC_MALFORMED);
	assert_null(password);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_wandb_login_writes_is_found),
		cmocka_unit_test(only_the_machine_asked_for_is_meant),
		cmocka_unit_test(the_default_is_for_who_has_no_entry_of_its_own),
		cmocka_unit_test(the_last_of_two_entries_counts),
		cmocka_unit_test(quotes_and_backslashes_keep_what_is_in_them),
		cmocka_unit_test(comments_are_passed_over),
		cmocka_unit_test(macros_are_passed_over),
		cmocka_unit_test(a_word_out_of_place_spoils_all_of_it),
		cmocka_unit_test(a_nul_or_an_endless_word_spoils_it_too),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("netrc", tests, NULL, NULL);
}

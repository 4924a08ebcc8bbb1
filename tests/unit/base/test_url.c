/* Where a key may go: addresses are read strictly. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "url.h"

static void assert_part(const char *part, size_t len, const char *expected) {
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(part, expected, len);
}

static void an_address_comes_apart(void **state) {
	struct url u;
	(void)state;

	assert_int_equal(url_read("https://wandb.example.org:8443/a/b/", &u), 0);
	assert_true(u.is_https);
	assert_part(u.authority, u.authority_len, "wandb.example.org:8443");
	assert_part(u.host, u.host_len, "wandb.example.org");
	assert_int_equal(u.len, strlen("https://wandb.example.org:8443/a/b"));

	assert_int_equal(url_read("HTTP://[::1]:8080", &u), 0);
	assert_false(u.is_https);
	assert_part(u.authority, u.authority_len, "[::1]:8080");
	assert_part(u.host, u.host_len, "::1");

	assert_int_equal(url_read("http://localhost//", &u), 0);
	assert_part(u.authority, u.authority_len, "localhost");
	assert_int_equal(u.len, strlen("http://localhost"));
}

static void what_is_odd_is_refused(void **state) {
	static const char *const odd[] = {
		"",
		"api.wandb.ai",
		"ftp://api.wandb.ai",
		"https:/api.wandb.ai",
		"https://",
		"https:///path",
		"https://:443",
		"https://host:",
		"https://host:0",
		"https://host:65536",
		"https://host:000443",
		"https://host:44x",
		"https://[::1",
		"https://[]",
		"https://[::1]x",
		"https://[host]",
		"https://joe:secret@host",
		"https://localhost@host",
		"https://localhost\\@host",
		"https://host/?query",
		"https://host?query",
		"https://host/#fragment",
		"https://ho st",
		"https://host/a b",
		"https://host/a\nb",
		"https://h\xc3\xb6st",
		"https://host/\xc3\xb6",
	};
	struct url u = {.len = 7};
	(void)state;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_int_equal(url_read(odd[i], &u), -EINVAL);
	}
	assert_int_equal(u.len, 7);
}

static bool is_loopback(const char *text) {
	struct url u;

	assert_int_equal(url_read(text, &u), 0);
	return url_is_loopback(&u);
}

static void only_this_machine_is_loopback(void **state) {
	static const char *const here[] = {"http://localhost", "http://LocalHost:80/x",
		"http://127.0.0.1:8080", "http://127.255.0.9", "http://[::1]/",
		"http://[0:0:0:0:0:0:0:1]"};
	static const char *const elsewhere[] = {"http://127.0.0.1.example.org",
		"http://localhost.example.org", "http://128.0.0.1", "http://10.127.0.1",
		"http://0.0.0.0", "http://[::]", "http://[::2]", "http://127.1",
		"http://localhostlocalhostlocalhostlocalhostlocalhostlocalhost"};
	(void)state;

	for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
		assert_true(is_loopback(here[i]));
	}
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
		assert_false(is_loopback(elsewhere[i]));
	}
}

static bool is_same_server(const char *a, const char *b) {
	struct url u, v;
	assert_int_equal(url_read(a, &u), 0);
	assert_int_equal(url_read(b, &v), 0);
	return url_same_server(&u, &v);
}

static void a_server_is_its_scheme_host_and_port(void **state) {
	(void)state;

	assert_true(is_same_server("https://wandb.lab", "HTTPS://WandB.lab:443/path/"));
	assert_true(is_same_server("http://[::1]:80", "http://[::1]/x"));
	assert_false(is_same_server("https://wandb.lab", "http://wandb.lab"));
	assert_false(is_same_server("https://wandb.lab", "https://wandb.lab:8443"));
	assert_false(is_same_server("https://wandb.lab", "https://wandb.lab.example.org"));
	assert_false(is_same_server("https://wandb.lab", "https://wandb.lax"));
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_comes_apart),
		cmocka_unit_test(what_is_odd_is_refused),
		cmocka_unit_test(a_server_is_its_scheme_host_and_port),
		cmocka_unit_test(only_this_machine_is_loopback),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}

/* Proxies and certificates: who is asked, and who is believed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_fixture.h"
#include "tls_server.h"

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static const struct web_answer ok = {.bytes = OK_EMPTY};

/* Stands for the certificate of the test's own server. */
static const char trusted[] = "";

static int setup(void **state) {
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	return fixture_setup(state);
}

static const char *address_of(uint16_t port, const char *scheme, char out[64]) {
	snprintf(out, 64, "%s://127.0.0.1:%u", scheme, port);
	return out;
}

static void a_proxy_is_chosen_by_the_scheme_whatever_the_environment_says(void **state) {
	struct asked a = {.fixture = *state, .url = "http://api.nowhere.example/graphql"};
	char proxy[64];
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("no_proxy", "*", 1);
	fixture_reopen(
		a.fixture, &(struct http_options){.user_agent = "test/1",
				   .proxy_http = address_of(a.fixture->server.port, "http", proxy),
				   .proxy_https = "http://127.0.0.1:1"});
	web_server_script(&a.fixture->server, &ok, 1);

	ask_and_wait(&a);
	assert_int_equal(a.status, 200);
	assert_true(web_server_heard(
		&a.fixture->server, "POST http://api.nowhere.example/graphql HTTP/1.1"));
	a.url = "https://api.nowhere.example/graphql";
	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_NO_CONNECTION);
	asked_finish(&a);
}

static void without_one_the_environment_s_is_taken(void **state) {
	struct asked a = {.fixture = *state, .url = "http://api.nowhere.example/"};
	char proxy[64];
	setenv("http_proxy", address_of(a.fixture->server.port, "http", proxy), 1);
	web_server_script(&a.fixture->server, &ok, 1);

	ask_and_wait(&a);
	assert_int_equal(a.status, 200);
	assert_true(
		web_server_heard(&a.fixture->server, "POST http://api.nowhere.example/ HTTP/1.1"));
	asked_finish(&a);
}

static void open_with_proxy(struct fixture *f, const char *proxy) {
	fixture_reopen(f, &(struct http_options){.user_agent = "test/1", .proxy_https = proxy});
}

/* The proxy is told where to, and never the key. What it says of itself is not the answer's. */
static void a_proxy_that_refuses_is_told_from_a_server_that_does(void **state) {
	struct asked a = {
		.fixture = *state, .url = "https://api.nowhere.example/", .key = "secret"};
	const struct web_answer answer = {
		.bytes = "HTTP/1.1 403 No\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"};
	char proxy[64];
	open_with_proxy(a.fixture, address_of(a.fixture->server.port, "http", proxy));
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_PROXY);
	assert_int_equal(a.status, 0);
	assert_string_equal(a.retry_after, "");
	assert_non_null(strstr(a.words, "403"));
	assert_true(
		web_server_heard(&a.fixture->server, "CONNECT api.nowhere.example:443 HTTP/1.1"));
	assert_null(strstr((char *)a.fixture->server.head.data, "Authorization"));
	asked_finish(&a);
}

static void a_proxy_s_consent_is_no_answer(void **state) {
	struct asked a = {.fixture = *state, .url = "https://api.nowhere.example/"};
	const struct web_answer answer = {
		.bytes = "HTTP/1.1 200 Connected\r\nRetry-After: 9\r\n\r\n", .end = WEB_CLOSE};
	char proxy[64];
	open_with_proxy(a.fixture, address_of(a.fixture->server.port, "http", proxy));
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_TLS);
	assert_int_equal(a.status, 0);
	assert_string_equal(a.retry_after, "");
	asked_finish(&a);
}

static void a_proxy_that_is_none_is_told(void **state) {
	struct asked a = {.fixture = *state, .url = "https://api.nowhere.example/"};

	open_with_proxy(a.fixture, "http://no such proxy");
	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_PROXY);
	asked_finish(&a);
}

/* One request to a server of its own, by that name of the machine; a->user may be the server's own name. */
static void ask_tls(struct asked *a, const char *host, struct http_options options) {
	struct tls_server tls;
	char url[64];
	tls_server_open(&tls, a->user);
	tls_server_say(&tls, OK_EMPTY);
	snprintf(url, sizeof url, "https://%s:%u/", host, tls.port);
	a->url = url;
	a->key = "secret";
	if (options.ca_file == trusted) {
		options.ca_file = tls.certificate;
	}

	fixture_reopen(a->fixture, &options);
	ask_and_wait(a);
	tls_server_close(&tls);
	asked_finish(a);
}

static void a_certificate_nobody_vouches_for_is_not_believed(void **state) {
	struct asked a = {.fixture = *state};

	ask_tls(&a, "127.0.0.1", (struct http_options){.user_agent = "test/1"});
	assert_int_equal(a.transport, TRANSPORT_TLS);
	assert_int_equal(a.status, 0);
	assert_non_null(strstr(a.words, "certificate"));
}

static void a_certificate_is_believed_that_was_named(void **state) {
	struct asked a = {.fixture = *state};

	ask_tls(&a, "127.0.0.1", (struct http_options){.user_agent = "test/1", .ca_file = trusted});
	assert_int_equal(a.transport, TRANSPORT_DONE);
	assert_int_equal(a.status, 200);
}

static void a_certificate_for_another_name_is_not_believed(void **state) {
	struct asked a = {.fixture = *state};

	ask_tls(&a, "localhost", (struct http_options){.user_agent = "test/1", .ca_file = trusted});
	assert_int_equal(a.transport, TRANSPORT_TLS);
	assert_int_equal(a.status, 0);
}

static void words_a_server_chose_do_not_colour_the_terminal(void **state) {
	struct asked a = {.fixture = *state, .user = (char[]){"\x1b[31mred\n\x7f"}};

	ask_tls(&a, "127.0.0.1", (struct http_options){.user_agent = "test/1", .ca_file = trusted});
	assert_int_equal(a.transport, TRANSPORT_TLS);
	assert_non_null(strstr(a.words, "' [31mred  '"));
}

static void unchecked_any_certificate_is_taken(void **state) {
	struct asked a = {.fixture = *state};

	ask_tls(&a, "localhost", (struct http_options){.user_agent = "test/1", .insecure = true});
	assert_int_equal(a.status, 200);
}

static void certificates_that_cannot_be_read_are_told(void **state) {
	struct asked a = {.fixture = *state};

	ask_tls(&a, "127.0.0.1",
		(struct http_options){.user_agent = "test/1", .ca_file = "/nowhere/ca.pem"});
	assert_int_equal(a.transport, TRANSPORT_TLS);
	assert_non_null(strstr(a.words, "/nowhere/ca.pem"));
}

static void a_handshake_that_does_not_end_was_no_request(void **state) {
	char url[64];
	struct asked a = {.fixture = *state,
		.url = address_of(((struct fixture *)*state)->server.port, "https", url),
		.timeout_ms = 200};

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_NO_CONNECTION);
	asked_finish(&a);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(a_proxy_is_chosen_by_the_scheme_whatever_the_environment_says),
		T(without_one_the_environment_s_is_taken),
		T(a_proxy_that_refuses_is_told_from_a_server_that_does),
		T(a_proxy_s_consent_is_no_answer),
		T(a_proxy_that_is_none_is_told),
		T(a_certificate_nobody_vouches_for_is_not_believed),
		T(a_certificate_is_believed_that_was_named),
		T(a_certificate_for_another_name_is_not_believed),
		T(words_a_server_chose_do_not_colour_the_terminal),
		T(unchecked_any_certificate_is_taken),
		T(certificates_that_cannot_be_read_are_told),
		T(a_handshake_that_does_not_end_was_no_request),
	};
#undef T
	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("http proxy", tests, NULL, NULL);
}

/* A request goes out as it was given, and its answer comes back. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_fixture.h"

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static const struct web_answer ok = {.bytes = OK_EMPTY};
static const struct web_answer silence = {.bytes = NULL};

static struct text text(const char *s) {
	return text_of(s, strlen(s));
}

static void an_answer_comes_whole_with_its_headers(void **state) {
	struct asked a = {.fixture = *state, .body = text("{\"q\":1}")};
	const struct web_answer answer = {
		.bytes = "HTTP/1.1 429 Slow down\r\nRETRY-AFTER: 17\r\nlocation: /there\r\n"
			 "ratelimit-remaining:  12.5 \r\nRateLimit-Reset: 30\r\n"
			 "Content-Length: 9\r\n\r\n{\"a\":\"b\"}"};
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_DONE);
	assert_int_equal(a.status, 429);
	assert_string_equal((char *)a.answer.data, "{\"a\":\"b\"}");
	assert_string_equal(a.words, "");
	assert_string_equal(a.retry_after, "17");
	assert_string_equal(a.location, "/there");
	assert_true(a.rate_remaining == 12.5 && a.rate_reset_s == 30);
	assert_int_equal(a.fixture->server.body_len, 7);
	asked_finish(&a);
}

static void what_is_not_given_is_said_to_be_so(void **state) {
	struct asked a = {.fixture = *state};
	const struct web_answer answer = {
		.bytes = "HTTP/1.1 204 None\r\nRateLimit-Remaining: few\r\n\r\n"};
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.status, 204);
	assert_int_equal(a.answer.len, 1);
	assert_string_equal(a.retry_after, "");
	assert_string_equal(a.location, "");
	assert_true(isnan(a.rate_remaining) && isnan(a.rate_reset_s));
	asked_finish(&a);
}

static void what_was_asked_is_what_arrives(void **state) {
	const char *const headers[] = {"X-WANDB-USERNAME: joe", "X-Other: a b", NULL};
	struct asked a = {.fixture = *state, .headers = headers, .body = text("{}")};
	const struct web_server *s = &a.fixture->server;
	web_server_script(&a.fixture->server, &ok, 1);

	ask_and_wait(&a);
	assert_true(web_server_heard(s, "POST /path HTTP/1.1"));
	assert_true(web_server_heard(s, "User-Agent: test/1"));
	assert_true(web_server_heard(s, "Content-Type: application/json"));
	assert_true(web_server_heard(s, "Content-Length: 2"));
	assert_true(web_server_heard(s, "X-WANDB-USERNAME: joe"));
	assert_true(web_server_heard(s, "X-Other: a b"));
	assert_null(strcasestr((char *)s->head.data, "Authorization"));
	assert_null(strcasestr((char *)s->head.data, "Expect"));
	assert_null(strcasestr((char *)s->head.data, "Accept-Encoding"));
	asked_finish(&a);
}

static void the_key_goes_as_basic_auth(void **state) {
	static const struct {
		const char *key, *line;
	} cases[] = {
		{"", "Authorization: Basic YXBpOg=="},
		{"k", "Authorization: Basic YXBpOms="},
		{"ke", "Authorization: Basic YXBpOmtl"},
		{"\xfb\xff~", "Authorization: Basic YXBpOvv/fg=="},
	};
	struct asked a = {.fixture = *state};
	web_server_script(&a.fixture->server, &ok, 1);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		a.key = cases[i].key;
		ask_and_wait(&a);
		assert_true(web_server_heard(&a.fixture->server, cases[i].line));
	}
	asked_finish(&a);
}

static void a_redirect_is_reported_and_not_followed(void **state) {
	struct asked a = {.fixture = *state, .key = "secret"};
	const struct web_answer answer = {.bytes = "HTTP/1.1 307 Go\r\nLocation: /else\r\n"
						   "Content-Length: 0\r\n\r\n"};
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_DONE);
	assert_int_equal(a.status, 307);
	assert_string_equal(a.location, "/else");
	assert_int_equal(a.fixture->server.n_requests, 1);
	asked_finish(&a);
}

static void what_a_100_said_is_not_the_answer_s(void **state) {
	struct asked a = {.fixture = *state, .body = text("{}")};
	const struct web_answer answer = {
		.bytes = "HTTP/1.1 100 Continue\r\nRetry-After: 99\r\n\r\n" OK_EMPTY};
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.retry_after, "");
	asked_finish(&a);
}

static void an_answer_is_cut_at_its_maximum(void **state) {
	struct asked a = {.fixture = *state};
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
	struct buf bytes = {0};
	assert_int_equal(buf_reserve(&bytes, sizeof head + 3000000), 0);
	memset(bytes.data, 'x', bytes.cap);
	memcpy(bytes.data, head, strlen(head));
	const struct web_answer answers[] = {
		{.bytes = (char *)bytes.data, .len = strlen(head) + 3000000}, ok};
	web_server_script(&a.fixture->server, answers, 2);

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_DONE);
	assert_int_equal(a.answer.len, HTTP_ANSWER_MAX + 1);
	assert_int_equal(a.answer.data[HTTP_ANSWER_MAX - 1], 'x');
	ask_and_wait(&a); /* the rest was read: the connection is good for another */
	assert_int_equal(a.fixture->server.n_connections, 1);
	buf_finish(&bytes);
	asked_finish(&a);
}

static void a_large_body_goes_out_whole(void **state) {
	const size_t len = 10u << 20;
	struct asked a = {.fixture = *state};
	uint64_t sum = 0;
	char *body = malloc(len);
	assert_non_null(body);
	for (size_t i = 0; i < len; i++) {
		body[i] = (char)(i * 31 + i / 4096);
		sum += (uint8_t)body[i];
	}
	a.body = text_of(body, len);
	web_server_script(&a.fixture->server, &ok, 1);

	ask_and_wait(&a);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.fixture->server.body_len, len);
	assert_int_equal(a.fixture->server.body_sum, sum);
	assert_null(strcasestr((char *)a.fixture->server.head.data, "Expect"));
	free(body);
	asked_finish(&a);
}

static void no_other_scheme_is_taken(void **state) {
	static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1",
		"", "http://", "http://a b/", "httpx://127.0.0.1/"};
	struct asked a = {.fixture = *state};

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		a.url = urls[i];
		assert_int_equal(ask(&a), -EINVAL);
		assert_null(a.call);
	}
}

static void ask_again(struct asked *a) {
	if (a->n_done < 200) {
		assert_int_equal(ask(a), 0);
	}
}

static void the_next_request_is_asked_from_a_callback_on_the_same_connection(void **state) {
	struct asked a = {.fixture = *state, .on_done = ask_again, .body = text("{}")};
	web_server_script(&a.fixture->server, &ok, 1);

	assert_int_equal(ask(&a), 0);
	while (a.n_done < 200) {
		fixture_turn(a.fixture);
	}
	assert_int_equal(a.fixture->server.n_whole, 200);
	assert_int_equal(a.fixture->server.n_connections, 1);
	asked_finish(&a);
}

static void a_connection_the_server_gave_up_is_replaced(void **state) {
	struct asked a = {.fixture = *state, .body = text("{}")};
	const struct web_answer answer = {.bytes = OK_EMPTY, .end = WEB_CLOSE};
	web_server_script(&a.fixture->server, &answer, 1);

	for (uint32_t i = 1; i <= 20; i++) {
		ask_and_wait(&a);
		assert_int_equal(a.transport, TRANSPORT_DONE);
		assert_int_equal(a.fixture->server.n_connections, i);
	}
	asked_finish(&a);
}

#define N_AT_ONCE 32

static uint32_t sum_done(const struct asked *asked, uint32_t n) {
	uint32_t sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		sum += asked[i].n_done;
	}
	return sum;
}

static void many_at_once_share_a_few_connections(void **state) {
	struct asked asked[N_AT_ONCE] = {0};
	struct fixture *f = *state;
	web_server_script(&f->server, &ok, 1);

	for (uint32_t i = 0; i < N_AT_ONCE; i++) {
		asked[i].fixture = f;
		assert_int_equal(ask(&asked[i]), 0);
	}
	while (sum_done(asked, N_AT_ONCE) < N_AT_ONCE) {
		fixture_turn(f);
	}
	for (uint32_t i = 0; i < N_AT_ONCE; i++) {
		assert_int_equal(asked[i].status, 200);
		assert_int_equal(asked[i].n_done, 1);
		asked_finish(&asked[i]);
	}
	assert_true(f->server.n_connections <= 16);
}

static void one_that_is_cancelled_is_never_heard_of(void **state) {
	struct asked a = {.fixture = *state}, b = a;
	const struct web_answer answers[] = {silence, ok};
	web_server_script(&a.fixture->server, answers, 2);

	assert_int_equal(ask(&a), 0);
	http_cancel(a.call); /* before anything was sent */
	assert_int_equal(ask(&a), 0);
	while (a.fixture->server.n_requests < 1) {
		fixture_turn(a.fixture);
	}
	http_cancel(a.call);
	ask_and_wait(&b);
	while (a.fixture->server.n_open > 1) {
		fixture_turn(a.fixture); /* its connection is closed, too */
	}
	assert_int_equal(b.status, 200);
	assert_int_equal(a.n_done, 0);
	asked_finish(&b);
}

static void cancel_the_other(struct asked *a) {
	struct asked *other = a + 1;
	if (other->call != NULL) {
		http_cancel(other->call);
		other->call = NULL;
	}
}

static void one_that_has_ended_can_still_be_cancelled_by_a_callback(void **state) {
	struct asked asked[3] = {
		{.fixture = *state, .url = "http://127.0.0.1:1/", .on_done = cancel_the_other},
		{.fixture = *state, .url = "http://127.0.0.1:1/"},
		{.fixture = *state, .url = "http://127.0.0.1:1/"},
	};

	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&asked[i]), 0);
	}
	while (asked[2].n_done == 0) {
		fixture_turn(asked[0].fixture);
	}
	assert_int_equal(asked[0].n_done, 1);
	assert_int_equal(asked[1].n_done, 0);
	asked_finish(&asked[0]);
	asked_finish(&asked[2]);
}

static void cancel_it(struct asked *a) {
	http_cancel(a->user);
}

static void cancelled_in_its_own_callback_it_has_ended_all_the_same(void **state) {
	struct asked a = {.fixture = *state, .on_done = cancel_it};
	web_server_script(&a.fixture->server, &ok, 1);

	assert_int_equal(ask(&a), 0);
	a.user = a.call;
	while (a.n_done == 0) {
		fixture_turn(a.fixture);
	}
	assert_int_equal(a.status, 200);
	asked_finish(&a);
}

static void on_http_closed(void *user) {
	struct fixture *f = user;
	f->closed = true;
}

static void close_http(struct asked *a) {
	http_close(a->fixture->http, on_http_closed, a->fixture);
	a->fixture->http = NULL;
}

static void a_callback_may_close_everything(void **state) {
	struct asked asked[3] = {
		{.fixture = *state, .url = "http://127.0.0.1:1/", .on_done = close_http},
		{.fixture = *state, .url = "http://127.0.0.1:1/"},
		{.fixture = *state},
	};
	struct fixture *f = *state;
	web_server_script(&f->server, &silence, 1);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&asked[i]), 0);
	}
	while (!f->closed) {
		fixture_turn(f);
	}
	assert_int_equal(sum_done(asked, 3), 1);
	asked_finish(&asked[0]);
}

/* One that has not begun, one whose body nobody reads, one that waits, one with half its answer. */
static void what_is_under_way_goes_silently_when_http_is_closed(void **state) {
	const struct web_answer answers[] = {
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"},
		{.bytes = NULL, .early = true}, silence};
	struct asked asked[4] = {0};
	struct fixture *f = *state;
	char *body = calloc(1, 10u << 20);
	web_server_script(&f->server, answers, 3);

	for (uint32_t i = 0; i < 4; i++) {
		asked[i].fixture = f;
		asked[i].key = "secret";
		asked[i].body = text_of(body, i == 1 ? 10u << 20 : 2);
		assert_int_equal(ask(&asked[i]), 0);
		while (i < 3 && f->server.n_requests < i + 1) {
			fixture_turn(f);
		}
	}
	fixture_close_http(f);
	assert_int_equal(sum_done(asked, 4), 0);
	free(body);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(an_answer_comes_whole_with_its_headers),
		T(what_is_not_given_is_said_to_be_so),
		T(what_was_asked_is_what_arrives),
		T(the_key_goes_as_basic_auth),
		T(a_redirect_is_reported_and_not_followed),
		T(what_a_100_said_is_not_the_answer_s),
		T(an_answer_is_cut_at_its_maximum),
		T(a_large_body_goes_out_whole),
		T(no_other_scheme_is_taken),
		T(the_next_request_is_asked_from_a_callback_on_the_same_connection),
		T(a_connection_the_server_gave_up_is_replaced),
		T(many_at_once_share_a_few_connections),
		T(one_that_is_cancelled_is_never_heard_of),
		T(one_that_has_ended_can_still_be_cancelled_by_a_callback),
		T(cancelled_in_its_own_callback_it_has_ended_all_the_same),
		T(a_callback_may_close_everything),
		T(what_is_under_way_goes_silently_when_http_is_closed),
	};
#undef T
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}

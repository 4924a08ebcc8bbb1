/* What can go wrong on the way is told apart, and nothing of it stops the loop. */
#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_fixture.h"

static const struct web_answer silence = {.bytes = NULL};

/* A machine that is busy elsewhere gets more time to send it. */
static void ask_until_heard(struct asked *a) {
	for (a->timeout_ms = 50; a->fixture->server.n_requests == 0; a->timeout_ms *= 2) {
		ask_and_wait(a);
	}
}

static void a_lone_request_without_an_answer_times_out(void **state) {
	struct asked a = {.fixture = *state, .body = {"{}", 2}};
	web_server_script(&a.fixture->server, &silence, 1);

	ask_until_heard(&a);
	assert_int_equal(a.transport, TRANSPORT_TIMEOUT);
	assert_int_equal(a.status, 0);
	assert_non_null(strstr(a.words, "timed out"));
	asked_finish(&a);
}

static void a_100_alone_is_no_answer(void **state) {
	struct asked a = {.fixture = *state, .body = {"{}", 2}};
	const struct web_answer answer = {
		.bytes = "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"};
	web_server_script(&a.fixture->server, &answer, 1);

	ask_until_heard(&a);
	assert_string_equal(a.retry_after, "");
	assert_int_equal(a.transport, TRANSPORT_TIMEOUT);
	assert_int_equal(a.status, 0);
	asked_finish(&a);
}

static void nobody_there_is_no_connection(void **state) {
	struct asked a = {.fixture = *state, .url = "http://127.0.0.1:1/", .key = "secret"};

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_NO_CONNECTION);
	assert_int_equal(a.status, 0);
	assert_non_null(strstr(a.words, "127.0.0.1"));
	assert_int_equal(a.answer.len, 1);
	asked_finish(&a);
}

static void assert_broken(struct asked *a, const char *bytes, enum web_end end, int status) {
	const struct web_answer answer = {.bytes = bytes, .end = end};
	web_server_script(&a->fixture->server, &answer, 1);

	ask_and_wait(a);
	assert_int_equal(a->transport, TRANSPORT_BROKEN);
	assert_int_equal(a->status, status);
	assert_true(strlen(a->words) > 0);
}

static void an_answer_that_is_cut_short_or_no_http_is_broken(void **state) {
	struct asked a = {.fixture = *state, .body = {"{}", 2}};

	assert_broken(&a, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", WEB_CLOSE, 200);
	assert_broken(&a, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", WEB_RESET, 200);
	assert_broken(&a, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
		WEB_CLOSE, 200);
	assert_broken(&a, "SSH-2.0-OpenSSH_9.2\r\n", WEB_KEEP, 0);
	assert_broken(&a, "\x16\x03\x01\x02\x01 garbage\n\n", WEB_CLOSE, 0);
	assert_broken(&a, NULL, WEB_CLOSE, 0);
	assert_broken(&a, NULL, WEB_RESET, 0);
	asked_finish(&a);
}

/* The refusal is in our receive queue, larger than one read of libcurl's, and a reset behind it. */
static void a_refusal_sent_before_the_body_was_read_is_heard(void **state) {
	struct asked a = {.fixture = *state};
	char *bytes = NULL, *body = calloc(1, 10u << 20);
	assert_true(
		asprintf(&bytes, "HTTP/1.1 413 Too large\r\nContent-Length: 40000\r\n\r\n%040000d",
			7) > 0);
	const struct web_answer answer = {.bytes = bytes, .end = WEB_CLOSE, .early = true};
	a.body = text_of(body, 10u << 20);
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.status, 413);
	assert_int_equal(a.transport, TRANSPORT_DONE);
	assert_int_equal(a.answer.len, 40001);
	free(bytes);
	free(body);
	asked_finish(&a);
}

static void an_answer_with_a_reset_behind_it_is_read_to_its_end(void **state) {
	struct asked a = {.fixture = *state};
	char *bytes = NULL;
	assert_true(asprintf(&bytes, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n%060000d",
			    7) > 0);
	const struct web_answer answer = {.bytes = bytes, .end = WEB_RESET};
	web_server_script(&a.fixture->server, &answer, 1);

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_DONE);
	assert_int_equal(a.answer.len, 60001);
	free(bytes);
	asked_finish(&a);
}

#define N_WAITING 20

static void those_that_wait_for_a_connection_time_out_too(void **state) {
	struct asked asked[N_WAITING] = {0};
	struct fixture *f = *state;
	uint32_t n_done = 0;
	web_server_script(&f->server, &silence, 1);

	for (uint32_t i = 0; i < N_WAITING; i++) {
		asked[i] = (struct asked){.fixture = f, .timeout_ms = 100};
		assert_int_equal(ask(&asked[i]), 0);
	}
	while (n_done < N_WAITING) {
		fixture_turn(f);
		n_done = 0;
		for (uint32_t i = 0; i < N_WAITING; i++) {
			n_done += asked[i].n_done;
		}
	}
	for (uint32_t i = 0; i < N_WAITING; i++) {
		assert_int_not_equal(asked[i].transport, TRANSPORT_DONE);
		asked_finish(&asked[i]);
	}
}

static void a_cancelled_request_makes_room_for_one_that_waits(void **state) {
	const struct web_answer ok = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct asked asked[17] = {0};
	struct fixture *f = *state;
	web_server_script(&f->server, &silence, 1);

	for (uint32_t i = 0; i < 17; i++) {
		asked[i].fixture = f;
		assert_int_equal(ask(&asked[i]), 0);
	}
	while (f->server.n_requests < 16) {
		fixture_turn(f);
	}
	web_server_script(&f->server, &ok, 1);
	http_cancel(asked[3].call);
	while (asked[16].n_done == 0) {
		fixture_turn(f);
	}
	assert_int_equal(asked[16].status, 200);
	asked_finish(&asked[16]);
}

static uint32_t n_unwatched;
static bool watching_fails;

/* The one that http finds. */
int uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *handle, uv_os_sock_t socket) {
	if (watching_fails) {
		n_unwatched++;
		return UV_ENOMEM;
	}
	return uv_poll_init(loop, handle, socket);
}

static void a_socket_that_cannot_be_watched_costs_its_own_request_alone(void **state) {
	const struct web_answer ok = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct asked a = {.fixture = *state}, b = {.fixture = *state};
	uint32_t n_asked = 0;
	web_server_script(&a.fixture->server, &ok, 1);

	watching_fails = true;
	/* On a machine that is busy elsewhere its time may be over before there is a socket. */
	for (a.timeout_ms = 200; n_unwatched == 0; a.timeout_ms *= 2) {
		assert_int_equal(ask(&a), 0);
		n_asked++;
		while (n_unwatched == 0 && a.n_done < n_asked) {
			fixture_turn(a.fixture);
		}
	}
	watching_fails = false;
	ask_and_wait(&b);
	assert_int_equal(b.status, 200);
	while (a.n_done < n_asked) {
		fixture_turn(a.fixture);
	}
	asked_finish(&a);
	asked_finish(&b);
}

static uint32_t random_next(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

#define N_STORM   48
#define STORM_LEN 600

struct storm {
	struct asked asked[N_STORM];
	uint32_t seed, n_asked, n_ended, n_cancelled;
};

/* One more begins for each that ends, and now and then one is cancelled. */
static void on_storm_done(struct asked *a);

static void storm_ask(struct storm *storm, struct asked *a) {
	a->timeout_ms = random_next(&storm->seed) % 4 == 0 ? 1 + random_next(&storm->seed) % 30 : 0;
	a->on_done = on_storm_done;
	assert_int_equal(ask(a), 0);
	storm->n_asked++;
}

static void on_storm_done(struct asked *a) {
	struct storm *storm = a->user;
	storm->n_ended++;
	if (storm->n_asked >= STORM_LEN) {
		return;
	}
	struct asked *other = &storm->asked[random_next(&storm->seed) % N_STORM];
	if (other->call != NULL && random_next(&storm->seed) % 4 == 0) {
		http_cancel(other->call);
		other->call = NULL;
		storm->n_cancelled++;
		storm_ask(storm, other);
	}
	storm_ask(storm, a);
}

static void in_a_storm_everything_asked_ends_once(void **state) {
	static const struct web_answer answers[] = {
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"},
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", .end = WEB_CLOSE},
		{.bytes = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
			.end = WEB_RESET,
			.early = true},
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .end = WEB_RESET},
		{.bytes = NULL, .end = WEB_CLOSE},
		{.bytes = NULL, .end = WEB_RESET, .early = true},
		{.bytes = "no http", .end = WEB_CLOSE},
	};
	static char body[300000];
	struct fixture *f = *state;
	struct storm *storm = calloc(1, sizeof *storm);
	storm->seed = 1;
	web_server_script(&f->server, answers, sizeof answers / sizeof answers[0]);
	f->server.cycles = true;

	for (uint32_t i = 0; i < N_STORM; i++) {
		storm->asked[i] = (struct asked){.fixture = f,
			.user = storm,
			.body = text_of(body, i % 3 == 0 ? sizeof body : i)};
		storm_ask(storm, &storm->asked[i]);
	}
	while (storm->n_ended + storm->n_cancelled < storm->n_asked) {
		fixture_turn(f);
	}
	assert_true(storm->n_asked >= STORM_LEN && storm->n_cancelled > 20);
	for (uint32_t i = 0; i < N_STORM; i++) {
		asked_finish(&storm->asked[i]);
	}
	free(storm);
}

/* A DNS server that does not answer, or knows no name. */
static pthread_mutex_t dns_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dns_changed = PTHREAD_COND_INITIALIZER;
static bool dns_hangs;

/* The one that libcurl finds. */
__attribute__((visibility("default"))) int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai) {
	(void)name, (void)service, (void)req, (void)pai;
	pthread_mutex_lock(&dns_lock);
	while (dns_hangs) {
		pthread_cond_wait(&dns_changed, &dns_lock);
	}
	pthread_mutex_unlock(&dns_lock);
	return EAI_NONAME;
}

static void dns_hang(bool hangs) {
	pthread_mutex_lock(&dns_lock);
	dns_hangs = hangs;
	pthread_cond_broadcast(&dns_changed);
	pthread_mutex_unlock(&dns_lock);
}

static int count_threads(void) {
	int n = 0;
	DIR *directory = opendir("/proc/self/task");
	while (readdir(directory) != NULL) {
		n++;
	}
	closedir(directory);
	return n;
}

static void a_name_that_is_not_known_is_told(void **state) {
	struct asked a = {.fixture = *state, .url = "http://api.nowhere.example/"};

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_NO_NAME);
	assert_non_null(strstr(a.words, "api.nowhere.example"));
	asked_finish(&a);
}

static void a_proxy_whose_name_is_not_known_is_told(void **state) {
	struct asked a = {.fixture = *state, .url = "http://api.nowhere.example/"};
	fixture_reopen(a.fixture, &(struct http_options){.user_agent = "test/1",
					  .proxy_http = "http://proxy.nowhere.example"});

	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_PROXY);
	assert_non_null(strstr(a.words, "proxy.nowhere.example"));
	asked_finish(&a);
}

/* The threads that look up are let go only when everything is over: had anything waited for them, this would
 * not end. */
static void a_dns_that_does_not_answer_stops_nothing(void **state) {
	struct asked a = {
		.fixture = *state, .url = "http://api.nowhere.example/", .timeout_ms = 50};
	struct asked cancelled = a, closed = a;
	cancelled.timeout_ms = closed.timeout_ms = 0;
	int n_threads = count_threads();
	dns_hang(true);

	assert_int_equal(ask(&cancelled), 0);
	assert_int_equal(ask(&closed), 0);
	ask_and_wait(&a);
	assert_int_equal(a.transport, TRANSPORT_NO_CONNECTION);
	http_cancel(cancelled.call);
	fixture_close_http(a.fixture);
	assert_int_equal(cancelled.n_done + closed.n_done, 0);
	dns_hang(false);
	while (count_threads() > n_threads) {
		sched_yield(); /* they take their memory and files with them */
	}
	asked_finish(&a);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(a_lone_request_without_an_answer_times_out),
		T(a_100_alone_is_no_answer),
		T(nobody_there_is_no_connection),
		T(an_answer_that_is_cut_short_or_no_http_is_broken),
		T(a_refusal_sent_before_the_body_was_read_is_heard),
		T(an_answer_with_a_reset_behind_it_is_read_to_its_end),
		T(those_that_wait_for_a_connection_time_out_too),
		T(a_cancelled_request_makes_room_for_one_that_waits),
		T(a_socket_that_cannot_be_watched_costs_its_own_request_alone),
		T(in_a_storm_everything_asked_ends_once),
		T(a_name_that_is_not_known_is_told),
		T(a_proxy_whose_name_is_not_known_is_told),
		T(a_dns_that_does_not_answer_stops_nothing),
	};
#undef T
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("http trouble", tests, NULL, NULL);
}

/* Questions of one user, alone and beside others: each is answered, however they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "flow.h"
#include "forget.h"

/* Whom no host has, so that he goes by his number. */
#define OTHER 2000001001u

/* ---- a clock that stands still between looks ---- */

static atomic_bool is_fake;
static atomic_uint_least64_t fake_ns;
#define LOOK_NS 50000u

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
	if (id != CLOCK_MONOTONIC || !atomic_load(&is_fake)) {
		return __real_clock_gettime(id, ret);
	}
	uint64_t now_ns = atomic_fetch_add(&fake_ns, LOOK_NS);
	*ret = (struct timespec){
		.tv_sec = (time_t)(now_ns / 1000000000u), .tv_nsec = (long)(now_ns % 1000000000u)};
	return 0;
}

static void fake_clock(void) {
	struct timespec now;

	(void)__real_clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&fake_ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	atomic_store(&is_fake, true);
}

static int teardown(void **state) {
	atomic_store(&is_fake, false);
	return flow_teardown(state);
}

/* ---- who asks, and who is there ---- */

static void ask_status(struct peer *reader) {
	const struct message ask = {
		.type = MSG_QUERY, .query = {.token = 7, .what = text_of("status", 6)}};
	peer_send(reader, &ask, NULL, 0);
}

static void expect_status(struct peer *reader) {
	struct message m;
	peer_expect(reader, MSG_REPLY, &m);
	assert_int_equal(m.reply.code, REPLY_OK);
}

static void begin_other(struct trainer *t, struct flow *f) {
	trainer_init(t, f, "other", 0, 1);
	trainer_connect_as(t, OTHER);
	trainer_open(t);
}

static void questions_beyond_four_wait_and_are_answered(void **state) {
	struct flow *f = *state;
	enum { N = 12 };
	struct peer readers[N];

	for (int i = 0; i < N; i++) {
		reader_connect(f, &readers[i]);
		ask_status(&readers[i]);
	}
	for (int i = N - 1; i >= 0; i--) {
		expect_status(&readers[i]);
		peer_close(&readers[i]);
	}
	flow_turn(f);
}

/* A report takes a processor: it is not to be the one that the other's acks come from. */
static void beside_others_a_user_asks_one_at_a_time_and_rests_in_between(void **state) {
	struct flow *f = *state;
	enum { N = 6 };
	struct peer readers[N];
	struct trainer own, other;
	struct asking_of now = {0};

	trainer_init(&own, f, "own", 0, 1);
	trainer_join(&own); /* else nothing is kept of him between two questions */
	begin_other(&other, f);
	for (int i = 0; i < N; i++) {
		reader_connect(f, &readers[i]);
	}
	for (int i = 0; i < N; i++) {
		ask_status(&readers[i]);
	}
	for (int n_asked = 0; n_asked < N || now.n_questions > 0;) {
		const struct asking_of before = now;
		flow_turn(f);
		now = asking_of(f->engine, getuid());
		assert_true(now.n_made <= 1);
		if (now.asked_ns != before.asked_ns) {
			assert_true(now.asked_ns >= before.rest_ns);
			n_asked++;
		}
	}
	assert_true(now.rest_ns > now.asked_ns);
	for (int i = 0; i < N; i++) {
		expect_status(&readers[i]);
		peer_close(&readers[i]);
	}
	trainer_close(&own);
	trainer_close(&other);
}

/* Between one look at the clock and the next the rest is over: whoever asks then is not forgotten. */
static void a_rest_that_ends_while_it_is_looked_at_ends_the_waiting(void **state) {
	struct flow *f = *state;
	struct peer reader;
	struct trainer other;

	begin_other(&other, f);
	reader_connect(f, &reader);
	fake_clock();
	for (int i = 0; i < 12; i++) {
		ask_status(&reader);
		expect_status(&reader);
	}
	peer_close(&reader);
	trainer_close(&other);
}

/* An answer that nobody reads costs nothing but its place. */
static void beside_others_an_answer_that_is_not_read_is_no_bar_to_the_next(void **state) {
	struct flow *f = *state;
	enum { N = 16 };
	const int small = 1; /* the least that the kernel gives */
	struct peer asleep, reader;
	struct trainer other;
	struct asking_of now = {0};

	begin_other(&other, f);
	int fd = peer_pair(&asleep, &f->loop);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	reader_adopt(f, &asleep, fd);
	for (int i = 0; i < N; i++) {
		ask_status(&asleep);
	}
	for (int n_same = 0; n_same < 3;) {
		flow_turn(f);
		now = asking_of(f->engine, getuid());
		n_same = now.n_questions > 0 && now.n_made == 0 ? n_same + 1 : 0;
	}
	reader_connect(f, &reader);
	ask_status(&reader);
	expect_status(&reader);
	assert_true(asking_of(f->engine, getuid()).n_questions > 0);
	peer_close(&reader);
	peer_close(&asleep);
	trainer_close(&other);
}

/* They are woken, but it is not their user's turn on the loop; then they are gone. */
static void who_goes_before_his_turn_to_ask_leaves_it_to_the_next(void **state) {
	struct flow *f = *state;
	enum { N = 24, GONE = 4 };
	struct peer readers[N];
	struct trainer other;
	int n_answered = 0;

	begin_other(&other, f); /* alone, users have no turns */
	for (int i = 0; i < N; i++) {
		reader_connect(f, &readers[i]);
	}
	uint64_t before = server_stats(f->server)->messages;
	for (int i = 0; i < N; i++) {
		ask_status(&readers[i]);
	}
	while (server_stats(f->server)->messages < before + N) {
		flow_turn(f);
	}
	spend_of_readers(f->engine, 20000000000u);
	while (asking_of(f->engine, getuid()).n_questions > 0) {
		flow_turn(f);
	}
	close_who_waits(f->engine, GONE);
	for (int i = 0; i < N; i++) {
		struct message m;
		n_answered += peer_read(&readers[i], &m);
		peer_close(&readers[i]);
	}
	assert_int_equal(n_answered, N - GONE);
	trainer_close(&other);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, flow_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(questions_beyond_four_wait_and_are_answered),
		T(beside_others_a_user_asks_one_at_a_time_and_rests_in_between),
		T(beside_others_an_answer_that_is_not_read_is_no_bar_to_the_next),
		cmocka_unit_test_setup_teardown(
			a_rest_that_ends_while_it_is_looked_at_ends_the_waiting, flow_setup,
			teardown),
		T(who_goes_before_his_turn_to_ask_leaves_it_to_the_next),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("questions", tests, NULL, NULL);
}

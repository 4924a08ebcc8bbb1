/* From HELLO to a row: what is acked is there, once, whatever connections do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow.h"

static void a_run_is_in_the_database_from_hello_to_finish(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "road", 0, 1);
	trainer_join(&t);
	assert_int_equal(t.opened.durable, 0);
	assert_int_equal(t.opened.wanted, 1);
	assert_int_equal(t.opened.attempt, 1);
	for (int i = 0; i < 25; i++) {
		trainer_step(&t);
	}
	trainer_finish(&t);
	trainer_until_acked(&t, 26);
	trainer_close(&t);

	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps WHERE run = 'road'"), 25);
	assert_int_equal(
		flow_ask(f, "SELECT count(*) FROM windows WHERE n_steps = 5 OR window = 0"), 5);
	assert_int_equal(flow_ask(f, "SELECT state = 'finished' AND exit_code = 0 FROM runs"), 1);
	assert_int_equal(flow_ask(f, "SELECT applied FROM streams"), 26);
}

static void an_ack_means_that_others_can_read_the_row(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct message m;

	trainer_init(&t, f, "acked", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 200; i++) {
		trainer_step(&t);
	}
	while (t.acked < 200) {
		peer_expect(&t.peer, MSG_ACK, &m);
		t.acked = m.ack.seq;
		assert_true(flow_ask(f, "SELECT count(*) FROM steps") >= (int64_t)t.acked);
		assert_true(flow_ask(f, "SELECT applied FROM streams") >= (int64_t)t.acked);
	}
	trainer_close(&t);
}

static void a_flush_is_answered_by_its_ack(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct message m;

	trainer_init(&t, f, "flushed", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 20; i++) {
		trainer_step(&t);
		trainer_flush(&t);
		trainer_until_acked(&t, t.seq);
	}
	/* Also when there is nothing left to commit. */
	trainer_flush(&t);
	peer_expect(&t.peer, MSG_ACK, &m);
	assert_int_equal(m.ack.seq, 20);
	trainer_close(&t);
}

static void a_stream_that_comes_back_goes_on_where_it_was(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "back", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 10; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 10);
	trainer_close(&t);
	trainer_join(&t);
	assert_int_equal(t.opened.durable, 10);
	assert_int_equal(t.opened.wanted, 11);
	assert_true(t.opened.has_last_step && t.opened.last_step == 9);

	/* What is below wanted is discarded, and acked no second time. */
	t.seq = 7;
	t.step = 7;
	for (int i = 0; i < 5; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 12);
	trainer_close(&t);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 12);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM attempts"), 1);
}

/* Rank 0 runs ahead of rank 1: four of its steps wait in memory, the others in its socket. */
static void run_ahead(struct trainer *t) {
	for (int i = 0; i < 12; i++) {
		trainer_step(t);
	}
	struct flow *f = t->flow;
	uint64_t messages = server_stats(f->server)->messages;
	while (server_stats(f->server)->messages < messages + 5) {
		flow_turn(f);
	}
}

static void bytes_left_in_an_old_socket_never_take_effect(void **state) {
	struct flow *f = *state;
	struct trainer a, b;
	struct peer old;

	trainer_init(&a, f, "fence", 0, 2);
	trainer_init(&b, f, "fence", 1, 2);
	trainer_join(&a);
	trainer_join(&b);
	run_ahead(&a);
	old = a.peer;
	trainer_join(&a);
	assert_int_equal(a.opened.durable, 0);
	assert_int_equal(a.opened.wanted, 5);
	peer_read_to_end(&old);
	peer_close(&old);

	a.step = 4;
	for (int i = 0; i < 8; i++) {
		trainer_step(&a);
	}
	for (int i = 0; i < 12; i++) {
		trainer_step(&b);
	}
	trainer_until_acked(&a, 12);
	trainer_until_acked(&b, 12);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 12);
	assert_int_equal(flow_ask(f, "SELECT sum(n_rows) FROM steps"), 12 * 32);
	trainer_close(&a);
	trainer_close(&b);
}

static void a_log_behind_a_held_step_waits_and_is_not_acked(void **state) {
	struct flow *f = *state;
	struct trainer a, b;

	trainer_init(&a, f, "held", 0, 2);
	trainer_init(&b, f, "held", 1, 2);
	trainer_join(&a);
	trainer_join(&b);
	trainer_step(&a);
	trainer_log(&a, "eval", 1.5);
	trainer_log(&b, "first", 1.0);
	trainer_until_acked(&b, 1);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 0);
	assert_int_equal(flow_ask(f, "SELECT applied FROM streams WHERE rank = 0"), 0);

	trainer_step(&b);
	trainer_until_acked(&b, 2);
	trainer_until_acked(&a, 2);
	assert_int_equal(flow_ask(f, "SELECT n_rows FROM steps"), 32);
	trainer_close(&a);
	trainer_close(&b);
}

static void a_run_that_is_too_far_ahead_holds_up_nobody_else(void **state) {
	struct flow *f = *state;
	struct trainer ahead, missing, other;

	trainer_init(&ahead, f, "two", 0, 2);
	trainer_init(&missing, f, "two", 1, 2);
	trainer_init(&other, f, "one", 0, 1);
	trainer_join(&ahead);
	trainer_join(&missing);
	trainer_join(&other);
	run_ahead(&ahead);
	for (int i = 0; i < 20; i++) {
		trainer_step(&other);
	}
	trainer_until_acked(&other, 20);
	trainer_close(&ahead);
	trainer_close(&missing);
	trainer_close(&other);
}

static void after_a_restart_the_client_goes_on_from_what_is_durable(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "again", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 10; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 1);
	flow_stop(f);
	trainer_close(&t);
	flow_start(f);
	trainer_join(&t);
	assert_int_equal(t.opened.wanted, t.opened.durable + 1);
	assert_true(t.opened.durable >= 1);
	t.step = (uint32_t)t.opened.durable;
	while (t.seq < 25) {
		trainer_step(&t);
	}
	trainer_finish(&t);
	trainer_until_acked(&t, 26);
	trainer_close(&t);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 25);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM windows WHERE complete"), 5);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM attempts"), 1);
}

static void the_end_commits_and_acks_what_had_come(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "end", 0, 1);
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	uint64_t messages = server_stats(f->server)->messages;
	for (int i = 0; i < 30; i++) {
		trainer_step(&t);
	}
	while (server_stats(f->server)->messages < messages + 30) {
		flow_turn(f);
	}
	flow_stop(f);
	trainer_until_acked(&t, 31);
	struct message m;
	assert_false(peer_read(&t.peer, &m));
	trainer_close(&t);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 31);
}

static void a_thousand_runs_push_at_once(void **state) {
	struct flow *f = *state;
	enum { N = 1000 };
	struct trainer *t = calloc(N, sizeof *t);
	static char names[N][16];

	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i], "run%d", i);
		trainer_init(&t[i], f, names[i], 0, 1);
		trainer_join(&t[i]);
	}
	for (int step = 0; step < 3; step++) {
		for (int i = 0; i < N; i++) {
			trainer_step(&t[i]);
		}
	}
	for (int i = 0; i < N; i++) {
		trainer_until_acked(&t[i], 3);
		trainer_close(&t[i]);
	}
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 3 * N);
	free(t);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, flow_setup, flow_teardown)
	const struct CMUnitTest tests[] = {
		T(a_run_is_in_the_database_from_hello_to_finish),
		T(an_ack_means_that_others_can_read_the_row),
		T(a_flush_is_answered_by_its_ack),
		T(a_stream_that_comes_back_goes_on_where_it_was),
		T(bytes_left_in_an_old_socket_never_take_effect),
		T(a_log_behind_a_held_step_waits_and_is_not_acked),
		T(a_run_that_is_too_far_ahead_holds_up_nobody_else),
		T(after_a_restart_the_client_goes_on_from_what_is_durable),
		T(the_end_commits_and_acks_what_had_come),
		T(a_thousand_runs_push_at_once),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("road", tests, NULL, NULL);
}

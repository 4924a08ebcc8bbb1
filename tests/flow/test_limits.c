/* Two users of one engine: what one may, what the other has in spite of him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "flow.h"
#include "forget.h"

/* Whom no host has, so that they go by their numbers. */
#define JOE 2000001000u
#define ANA 2000001001u

static void join_as(struct trainer *t, uid_t uid) {
	struct message m;
	struct message hello = {.type = MSG_HELLO,
		.hello = {.version_min = PROTO_VERSION_MIN,
			.version_max = PROTO_VERSION_MAX,
			.role = ROLE_TRAINER}};

	assert_int_equal(
		server_adopt_from(t->flow->server, peer_pair(&t->peer, &t->flow->loop), uid, 0), 0);
	peer_send(&t->peer, &hello, NULL, 0);
	peer_expect(&t->peer, MSG_WELCOME, &m);
}

static void open_as(struct trainer *t, uid_t uid) {
	join_as(t, uid);
	trainer_open(t);
}

static void refused(struct trainer *t, uid_t uid, enum refusal_code code, const char *words) {
	struct message m = {.type = MSG_OPEN, .open = t->open};

	join_as(t, uid);
	peer_send(&t->peer, &m, NULL, 0);
	peer_expect(&t->peer, MSG_REFUSAL, &m);
	assert_int_equal(m.refusal.code, code);
	if (memmem(m.refusal.words.data, m.refusal.words.len, words, strlen(words)) == NULL) {
		fail_msg("\"%s\" is not in \"%.*s\"", words, (int)m.refusal.words.len,
			m.refusal.words.data);
	}
	peer_close(&t->peer);
}

static void end(struct trainer *t) {
	trainer_finish(t);
	trainer_until_acked(t, t->seq);
	trainer_close(t);
}

static uint64_t held(const struct flow *f, uid_t uid, enum holding what) {
	return ledger_held(&f->ledger, uid, what);
}

static void what_a_user_makes_the_daemon_hold_is_given_back(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "r", 0, 1);
	open_as(&t, JOE);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	assert_int_equal(held(f, JOE, HOLDING_CONNECTIONS), 1);
	assert_int_equal(held(f, JOE, HOLDING_RUNS), 1);
	assert_true(held(f, JOE, HOLDING_MEMORY) > 0);
	end(&t);
	while (held(f, JOE, HOLDING_RUNS) > 0 || held(f, JOE, HOLDING_CONNECTIONS) > 0) {
		flow_turn(f); /* until it is evicted */
	}
	assert_int_equal(held(f, JOE, HOLDING_MEMORY), 0);
	assert_int_equal(held(f, JOE, HOLDING_QUEUED), 0);
	assert_true(held(f, JOE, HOLDING_DATABASE) > 0);
}

static void who_has_filled_his_part_of_the_disk_opens_nothing_more(void **state) {
	struct flow *f = *state;
	struct trainer first, second, other;

	trainer_init(&first, f, "first", 0, 1);
	open_as(&first, JOE);
	trainer_step(&first);
	trainer_until_acked(&first, 1);
	uint64_t has = held(f, JOE, HOLDING_DATABASE);
	f->limits.of[HOLDING_DATABASE] = has;
	ledger_reload(&f->ledger, &f->ledger.limits);

	trainer_init(&second, f, "second", 0, 1);
	refused(&second, JOE, REFUSE_BUDGET, "user 2000001000 holds ");
	refused(&second, JOE, REFUSE_BUDGET, "; limit database = ");
	refused(&second, JOE, REFUSE_BUDGET,
		"([limits] in sae-metricsd.conf); tried again when older");
	trainer_init(&other, f, "other", 0, 1);
	open_as(&other, ANA);

	/* The run that is being trained goes on, and so does its next connection. */
	trainer_step(&first);
	trainer_until_acked(&first, 2);
	trainer_close(&first);
	open_as(&first, JOE);
	end(&first);
	end(&other);
}

/* A quarter above it he waits like for a disk that is full; until he may have more. */
static void far_above_it_his_runs_wait_and_nobody_elses(void **state) {
	struct flow *f = *state;
	struct trainer t, other;

	trainer_init(&t, f, "t", 0, 1);
	trainer_init(&other, f, "other", 0, 1);
	open_as(&t, JOE);
	open_as(&other, ANA);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	f->limits.of[HOLDING_DATABASE] = held(f, JOE, HOLDING_DATABASE) / 2;
	ledger_reload(&f->ledger, &f->ledger.limits);

	trainer_step(&t);
	trainer_flush(&t);
	struct holdings before = f->limits;
	f->limits.of[HOLDING_DATABASE] = LEDGER_NO_LIMIT;
	list_for_each(link, &f->ledger.holders) {
		struct holder *h = container_of(link, struct holder, link);
		h->limits = h->uid == ANA ? f->limits : before;
	}
	for (int i = 0; i < 3; i++) {
		trainer_step(&other);
		trainer_until_acked(&other, other.seq);
	}
	assert_int_equal(t.acked, 1);
	ledger_reload(&f->ledger, &f->ledger.limits);
	trainer_step(&other); /* its commit looks for who waits */
	trainer_until_acked(&t, 2);
	end(&t);
	end(&other);
}

static void evict(struct flow *f, uid_t uid) {
	while (held(f, uid, HOLDING_RUNS) > 0) {
		flow_turn(f);
	}
}

static void a_run_that_does_not_fit_is_not_even_loaded(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "kept", 0, 1);
	open_as(&t, JOE);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	end(&t);
	evict(f, JOE);
	f->limits.of[HOLDING_MEMORY] = 1u << 20;
	ledger_reload(&f->ledger, &f->ledger.limits);
	trainer_init(&t, f, "kept", 0, 1);
	refused(&t, JOE, REFUSE_BUDGET,
		"user 2000001000 holds 0 B of memory; limit memory = 1.0 MiB");
	assert_int_equal(held(f, JOE, HOLDING_RUNS), 0);
}

/* His opening another's run charges nobody, and costs no reading. */
static void anothers_run_is_not_loaded(void **state) {
	struct flow *f = *state;
	struct trainer t;

	trainer_init(&t, f, "kept", 0, 1);
	open_as(&t, JOE);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	end(&t);
	evict(f, JOE);
	trainer_init(&t, f, "kept", 0, 1);
	refused(&t, ANA, REFUSE_NOT_PERMITTED, "belongs to another user");
	assert_int_equal(held(f, JOE, HOLDING_RUNS), 0);
	assert_int_equal(held(f, ANA, HOLDING_RUNS), 0);
}

static void questions_beyond_four_wait_and_are_answered(void **state) {
	struct flow *f = *state;
	enum { N = 12 };
	struct peer readers[N];

	for (int i = 0; i < N; i++) {
		const struct message ask = {
			.type = MSG_QUERY, .query = {.token = 7, .what = text_of("status", 6)}};
		reader_connect(f, &readers[i]);
		peer_send(&readers[i], &ask, NULL, 0);
	}
	for (int i = N - 1; i >= 0; i--) {
		struct message m;
		peer_expect(&readers[i], MSG_REPLY, &m);
		assert_int_equal(m.reply.code, REPLY_OK);
		peer_close(&readers[i]);
	}
	flow_turn(f);
}

/* They are woken, but it is not their user's turn on the loop; then they are gone. */
static void who_goes_before_his_turn_to_ask_leaves_it_to_the_next(void **state) {
	struct flow *f = *state;
	enum { N = 24, GONE = 4 };
	struct peer readers[N];
	struct trainer other;
	int n_answered = 0;

	trainer_init(&other, f, "other", 0, 1);
	open_as(&other, ANA); /* alone, users have no turns */
	for (int i = 0; i < N; i++) {
		reader_connect(f, &readers[i]);
	}
	uint64_t before = server_stats(f->server)->messages;
	for (int i = 0; i < N; i++) {
		const struct message ask = {
			.type = MSG_QUERY, .query = {.token = 7, .what = text_of("status", 6)}};
		peer_send(&readers[i], &ask, NULL, 0);
	}
	while (server_stats(f->server)->messages < before + N) {
		flow_turn(f);
	}
	spend_of_readers(f->engine, 20000000000u);
	while (questions_of(f->engine, getuid()) > 0) {
		flow_turn(f);
	}
	close_who_waits(f->engine, GONE);
	for (int i = 0; i < N; i++) {
		struct message m;
		n_answered += peer_read(&readers[i], &m);
		peer_close(&readers[i]);
	}
	assert_int_equal(n_answered, N - GONE);
	end(&other);
}

static void refusals_are_counted_where_they_are_seen(void **state) {
	struct flow *f = *state;
	struct trainer t, second;
	struct peer reader;
	struct message m;

	f->limits.of[HOLDING_RUNS] = 1;
	trainer_init(&t, f, "one", 0, 1);
	trainer_join(&t);
	trainer_init(&second, f, "two", 0, 1);
	ledger_reload(&f->ledger, &f->ledger.limits);
	refused(&second, getuid(), REFUSE_TOO_MANY, "limit runs = 1");
	reader_connect(f, &reader);
	reader_ask(&reader, "status", NULL, &m);
	assert_non_null(memmem(m.reply.json, m.reply.json_len,
		"\"runs\":{\"held\":1,\"limit\":1,\"refused\":1}", 38));
	peer_close(&reader);
	end(&t);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, flow_setup, flow_teardown)
	const struct CMUnitTest tests[] = {
		T(what_a_user_makes_the_daemon_hold_is_given_back),
		T(who_has_filled_his_part_of_the_disk_opens_nothing_more),
		T(far_above_it_his_runs_wait_and_nobody_elses),
		T(a_run_that_does_not_fit_is_not_even_loaded),
		T(anothers_run_is_not_loaded),
		T(questions_beyond_four_wait_and_are_answered),
		T(who_goes_before_his_turn_to_ask_leaves_it_to_the_next),
		T(refusals_are_counted_where_they_are_seen),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}

/* A disk that is full, that breaks, or that is slower than what comes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "flow.h"
#include "log.h"

static int setup(void **state) {
	struct flow *f = malloc(sizeof *f);
	flow_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	fault_writes(0);
	fault_syncs("", 0);
	flow_finish(*state);
	free(*state);
	return 0;
}

static void start(struct flow *f) {
	flow_start(f);
	/* The troubles are meant. */
	log_set_level(LOG_LEVEL_ERROR - 1);
}

static bool in_trouble(struct flow *f) {
	struct peer reader;
	struct message m = {0};

	reader_connect(f, &reader);
	reader_ask(&reader, "status", NULL, &m);
	char *json = strndup((const char *)m.reply.json, m.reply.json_len);
	bool in_trouble = strstr(json, "\"trouble\":\"") != NULL;
	free(json);
	peer_close(&reader);
	return in_trouble;
}

static void a_full_disk_holds_the_ack_and_heals(void **state) {
	struct flow *f = *state;
	struct trainer t;

	start(f);
	trainer_init(&t, f, "full", 0, 1);
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	fault_writes(ENOSPC);
	for (int i = 0; i < 5; i++) {
		trainer_step(&t);
	}
	trainer_flush(&t);
	while (!in_trouble(f)) {
		flow_turn(f);
	}
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 1);

	fault_writes(0);
	trainer_until_acked(&t, 6);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 6);
	assert_false(in_trouble(f));
	trainer_close(&t);
}

static void with_a_full_disk_reading_stops_at_the_bound(void **state) {
	struct flow *f = *state;
	struct trainer t;

	f->options.run_hold_bytes = 64 << 10;
	start(f);
	trainer_init(&t, f, "bound", 0, 1);
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	fault_writes(ENOSPC);
	trainer_step(&t);
	trainer_flush(&t);
	while (!in_trouble(f)) {
		flow_turn(f);
	}
	/* Until the socket is full, too: what is not read stays with the trainer. */
	uint64_t messages = 0;
	for (int quiet = 0; quiet < 3;) {
		uint64_t before = server_stats(f->server)->messages;
		if (t.seq < 2000) {
			trainer_step(&t);
		}
		uv_run(&f->loop, UV_RUN_NOWAIT);
		messages = server_stats(f->server)->messages;
		quiet = messages == before ? quiet + 1 : 0;
	}
	assert_true(messages < 2000);
	fault_writes(0);
	trainer_until_acked(&t, t.seq);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), (int64_t)t.seq);
	trainer_close(&t);
}

static void with_too_little_room_nothing_is_taken_until_there_is_more(void **state) {
	struct flow *f = *state;
	struct trainer t;

	f->options.keep_free_bytes = UINT64_MAX;
	start(f);
	trainer_init(&t, f, "short", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 5; i++) {
		trainer_step(&t);
	}
	trainer_flush(&t);
	assert_true(in_trouble(f));
	for (int i = 0; i < 100; i++) {
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 0);

	engine_keep_free(f->engine, 0);
	trainer_until_acked(&t, 5);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 5);
	assert_false(in_trouble(f));
	trainer_close(&t);
}

static void what_was_taken_while_there_was_room_is_committed_without(void **state) {
	struct flow *f = *state;
	struct trainer t;

	start(f);
	trainer_init(&t, f, "taken", 0, 1);
	trainer_join(&t);
	uint64_t before = server_stats(f->server)->messages;
	for (int i = 0; i < 5; i++) {
		trainer_step(&t);
	}
	while (server_stats(f->server)->messages < before + 5) {
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	engine_keep_free(f->engine, UINT64_MAX);
	trainer_flush(&t);
	trainer_until_acked(&t, 5);
	assert_true(in_trouble(f));
	trainer_close(&t);
}

static void an_unknown_outcome_is_forgotten_and_sent_again(void **state) {
	struct flow *f = *state;
	struct trainer t;

	start(f);
	trainer_init(&t, f, "unknown", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 6; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 6);
	unsigned hits = fault_hits();
	fault_syncs("-wal", EIO);
	for (int i = 0; i < 6; i++) {
		trainer_step(&t);
	}
	trainer_flush(&t);
	while (fault_hits() == hits) {
		flow_turn(f);
	}
	fault_syncs("", 0);
	struct message m = {0};
	assert_false(peer_read(&t.peer, &m)); /* no ack: closed */
	trainer_close(&t);

	trainer_join(&t);
	assert_true(t.opened.wanted == t.opened.durable + 1);
	assert_true(t.opened.durable >= 6);
	t.step = (uint32_t)t.seq;
	while (t.seq < 14) {
		trainer_step(&t);
	}
	trainer_finish(&t);
	trainer_until_acked(&t, 15);
	trainer_close(&t);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 14);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM windows WHERE complete"), 2);
}

static void the_end_does_not_wait_for_a_full_disk(void **state) {
	struct flow *f = *state;
	struct trainer t;

	start(f);
	trainer_init(&t, f, "ends", 0, 1);
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	fault_writes(ENOSPC);
	trainer_step(&t);
	trainer_flush(&t);
	while (!in_trouble(f)) {
		flow_turn(f);
	}
	flow_stop(f);
	struct message m = {0};
	assert_false(peer_read(&t.peer, &m));
	trainer_close(&t);
	fault_writes(0);
	flow_start(f);
	trainer_join(&t);
	assert_int_equal(t.opened.wanted, 2);
	trainer_close(&t);
}

static void what_comes_faster_than_it_is_kept_arrives_all_the_same(void **state) {
	struct flow *f = *state;
	struct trainer t[3];
	static const char *const names[] = {"fast0", "fast1", "fast2"};

	f->options.run_hold_bytes = 128 << 10;
	f->options.hold_bytes = 192 << 10;
	start(f);
	for (int i = 0; i < 3; i++) {
		trainer_init(&t[i], f, names[i], 0, 1);
		trainer_join(&t[i]);
	}
	for (int step = 0; step < 150; step++) {
		for (int i = 0; i < 3; i++) {
			trainer_step(&t[i]);
		}
	}
	for (int i = 0; i < 3; i++) {
		trainer_until_acked(&t[i], 150);
		trainer_close(&t[i]);
	}
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM steps"), 450);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_full_disk_holds_the_ack_and_heals),
		T(with_a_full_disk_reading_stops_at_the_bound),
		T(with_too_little_room_nothing_is_taken_until_there_is_more),
		T(what_was_taken_while_there_was_room_is_committed_without),
		T(an_unknown_outcome_is_forgotten_and_sent_again),
		T(the_end_does_not_wait_for_a_full_disk),
		T(what_comes_faster_than_it_is_kept_arrives_all_the_same),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("trouble", tests, NULL, NULL);
}

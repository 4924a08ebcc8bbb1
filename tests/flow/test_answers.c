/* What the daemon says besides acks: refusals, errors, states, stops, reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "encode.h"
#include "flow.h"

static struct text text(const char *s) {
	return text_of(s, strlen(s));
}

/* ---- refusals ---- */

static void a_version_nobody_speaks_is_refused_with_ours(void **state) {
	struct flow *f = *state;
	struct peer peer;
	struct message hello = {.type = MSG_HELLO,
		.hello = {.version_min = 7, .version_max = 9, .role = ROLE_TRAINER}};
	struct message m = {0};

	assert_int_equal(server_adopt(f->server, peer_pair(&peer, &f->loop)), 0);
	peer_send(&peer, &hello, NULL, 0);
	peer_expect(&peer, MSG_REFUSAL, &m);
	assert_int_equal(m.refusal.code, REFUSE_VERSION);
	assert_int_equal(m.refusal.limit, PROTO_VERSION_MAX);
	assert_false(m.refusal.has_retry);
	peer_close(&peer);
}

static void a_newer_client_that_still_speaks_ours_is_welcome(void **state) {
	struct flow *f = *state;
	struct peer peer;
	struct message hello = {.type = MSG_HELLO,
		.hello = {.version_min = 1, .version_max = 9, .role = ROLE_TRAINER}};
	struct message m = {0};

	assert_int_equal(server_adopt(f->server, peer_pair(&peer, &f->loop)), 0);
	peer_send(&peer, &hello, NULL, 0);
	peer_expect(&peer, MSG_WELCOME, &m);
	assert_int_equal(m.welcome.version, PROTO_VERSION_MAX);
	peer_close(&peer);
}

static void expect_out_of_order(struct trainer *t) {
	peer_expect_refusal(&t->peer, REFUSE_OUT_OF_ORDER);
	trainer_close(t);
}

static void the_streams_messages_before_open_are_refused(void **state) {
	struct trainer t;

	trainer_init(&t, *state, "early", 0, 1);
	trainer_connect(&t);
	trainer_log(&t, "k", 1);
	expect_out_of_order(&t);
	trainer_connect(&t);
	trainer_flush(&t);
	expect_out_of_order(&t);
	trainer_connect(&t);
	peer_send(&t.peer, &(struct message){.type = MSG_SNAPSHOT}, NULL, 0);
	expect_out_of_order(&t);
}

static void a_second_open_is_refused(void **state) {
	struct trainer t;
	struct message m = {.type = MSG_OPEN};

	trainer_init(&t, *state, "twice", 0, 1);
	trainer_join(&t);
	m.open = t.open;
	peer_send(&t.peer, &m, NULL, 0);
	expect_out_of_order(&t);
}

static void a_reader_opens_no_run_and_a_trainer_asks_nothing(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct peer reader;
	struct message m = {.type = MSG_QUERY, .query = {.what = text("ping")}};

	trainer_init(&t, f, "roles", 0, 1);
	trainer_join(&t);
	peer_send(&t.peer, &m, NULL, 0);
	expect_out_of_order(&t);

	reader_connect(f, &reader);
	m = (struct message){.type = MSG_OPEN, .open = t.open};
	peer_send(&reader, &m, NULL, 0);
	peer_expect_refusal(&reader, REFUSE_OUT_OF_ORDER);
	peer_close(&reader);
}

static void what_only_the_daemon_says_is_malformed(void **state) {
	struct trainer t;
	trainer_init(&t, *state, "daemon", 0, 1);
	trainer_join(&t);
	peer_send(&t.peer, &(struct message){.type = MSG_STOP, .stop = {text("no")}}, NULL, 0);
	peer_expect_refusal(&t.peer, REFUSE_MALFORMED);
	trainer_close(&t);
}

static void a_seq_that_jumps_is_refused_and_may_come_again(void **state) {
	struct trainer t;
	struct message m = {0};

	trainer_init(&t, *state, "jump", 0, 1);
	trainer_join(&t);
	t.seq = 5;
	trainer_step(&t);
	do {
		assert_true(peer_read(&t.peer, &m));
	} while (m.type == MSG_ACK);
	assert_int_equal(m.refusal.code, REFUSE_OUT_OF_ORDER);
	assert_true(m.refusal.has_retry);
	trainer_close(&t);
	trainer_join(&t);
	assert_int_equal(t.opened.wanted, 1);
	trainer_close(&t);
}

static void nobody_is_let_in_at_the_end(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct message m = {.type = MSG_OPEN};

	trainer_init(&t, f, "late", 0, 1);
	trainer_connect(&t);
	m.open = t.open;
	peer_send(&t.peer, &m, NULL, 0);
	flow_stop(f);
	if (peer_read(&t.peer, &m)) { /* else it was closed before it was read */
		assert_int_equal(m.type, MSG_REFUSAL);
		assert_int_equal(m.refusal.code, REFUSE_SHUTTING_DOWN);
		assert_true(m.refusal.has_retry);
	}
	trainer_close(&t);
}

/* ---- errors ---- */

static void a_poison_message_is_refused_once_and_acked(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct message m = {.type = MSG_STEP, .step = {.seq = 1, .n_rows = 4, .n_scalars = 1}};
	uint8_t too_many[FLOW_D_SAE];

	memset(too_many, 5, sizeof too_many);
	trainer_init(&t, f, "poison", 0, 1);
	trainer_join(&t);
	m.step.nonzero =
		(struct counts){.form = COUNTS_U8, .n_entries = FLOW_D_SAE, .len = FLOW_D_SAE};
	peer_send(&t.peer, &m, too_many, sizeof too_many);
	peer_expect(&t.peer, MSG_ERROR, &m);
	assert_int_equal(m.error.code, ERROR_BAD_COUNTS);
	assert_true(m.error.has_seq);
	assert_int_equal(m.error.seq, 1);
	t.seq = t.step = 1;
	trainer_step(&t);
	trainer_until_acked(&t, 2);
	assert_int_equal(flow_ask(f, "SELECT refused FROM runs"), 1);
	trainer_close(&t);
}

static void a_header_that_cannot_be_read_consumes_its_seq(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct message m = {0};
	static const uint8_t frame[] = {3, 0, 0, 0, 0, 0, 0, 0, 0x92, MSG_EVENT, 1};

	trainer_init(&t, f, "torn", 0, 1);
	trainer_join(&t);
	peer_write(&t.peer, frame, sizeof frame);
	peer_expect(&t.peer, MSG_ERROR, &m);
	assert_int_equal(m.error.seq, 1);
	assert_true(m.error.words.len > 0);
	t.seq = 1;
	trainer_step(&t);
	trainer_until_acked(&t, 2);
	trainer_close(&t);
}

/* ---- states ---- */

static void ask_state(struct trainer *t, uint64_t token, uint64_t through) {
	struct message m = {.type = MSG_SNAPSHOT, .snapshot = {token, through}};
	peer_send(&t->peer, &m, NULL, 0);
}

/* Skips acks; the state's bytes are copied. */
static uint8_t *expect_state(struct trainer *t, uint64_t token, struct msg_state *ret) {
	struct message m = {0};
	do {
		assert_true(peer_read(&t->peer, &m));
	} while (m.type == MSG_ACK);
	assert_int_equal(m.type, MSG_STATE);
	assert_int_equal(m.state.token, token);
	*ret = m.state;
	uint8_t *copy = malloc(m.state.state_len + 1);
	memcpy(copy, m.state.state, m.state.state_len);
	return copy;
}

static void a_state_handed_back_goes_on_exactly(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct msg_state at;

	trainer_init(&t, f, "before", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 7; i++) {
		trainer_step(&t);
	}
	ask_state(&t, 11, 7);
	uint8_t *bytes = expect_state(&t, 11, &at);
	assert_int_equal(at.code, 0);
	assert_int_equal(at.step, 6);
	trainer_close(&t);

	trainer_init(&t, f, "after", 0, 1);
	trainer_join(&t);
	struct message m = {.type = MSG_RESTORE, .restore = {.seq = ++t.seq, .step = 6, .time = 1}};
	peer_send(&t.peer, &m, bytes, at.state_len);
	t.step = 7;
	for (int i = 0; i < 3; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 4);
	assert_int_equal(
		flow_ask(f, "SELECT n_steps FROM windows WHERE run = 'after' AND complete"), 5);
	free(bytes);
	trainer_close(&t);
}

static void a_snapshot_waits_for_what_it_is_to_hold(void **state) {
	struct flow *f = *state;
	struct trainer a, b;
	struct msg_state at;

	trainer_init(&a, f, "wait", 0, 2);
	trainer_init(&b, f, "wait", 1, 2);
	trainer_join(&a);
	trainer_join(&b);
	trainer_step(&a);
	ask_state(&a, 1, 1);
	ask_state(&a, 2, 1);
	free(expect_state(&a, 1, &at));
	assert_int_not_equal(at.code, 0); /* replaced by the second */
	assert_true(at.words.len > 0);
	trainer_step(&b);
	free(expect_state(&a, 2, &at));
	assert_int_equal(at.code, 0);
	assert_int_equal(at.step, 0);
	trainer_close(&a);
	trainer_close(&b);
}

static void every_rank_may_ask_for_the_state(void **state) {
	struct flow *f = *state;
	struct trainer t[3];
	struct msg_state at;

	for (uint32_t i = 0; i < 3; i++) {
		trainer_init(&t[i], f, "all", i, 3);
		trainer_join(&t[i]);
	}
	for (uint32_t i = 0; i < 3; i++) {
		trainer_step(&t[i]);
		ask_state(&t[i], i, 1);
	}
	for (uint32_t i = 0; i < 3; i++) {
		free(expect_state(&t[i], i, &at));
		assert_int_equal(at.code, 0);
		trainer_close(&t[i]);
	}
}

/* ---- stops ---- */

static void a_run_below_its_own_bounds_is_told_to_stop(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct message m = {0};

	trainer_init(&t, f, "stop", 0, 1);
	t.open.has_min_l0 = t.open.has_min_explained_variance = true;
	t.open.min_l0 = 1000;
	t.open.min_explained_variance = 0.99;
	t.open.scalars[0] = text("explained_variance"); /* 0.5 */
	trainer_join(&t);
	for (int i = 0; i < 4; i++) {
		trainer_step(&t);
	}
	do {
		assert_true(peer_read(&t.peer, &m));
	} while (m.type == MSG_ACK);
	assert_int_equal(m.type, MSG_STOP);
	assert_true(m.stop.reason.len > 0);
	trainer_close(&t);
}

/* ---- reports ---- */

static json_t *parse(const struct message *m) {
	json_t *document = json_loadb((const char *)m->reply.json, m->reply.json_len, 0, NULL);
	assert_non_null(document);
	return document;
}

static void status_lays_what_lives_over_what_is_committed(void **state) {
	struct flow *f = *state;
	struct trainer t;
	struct peer reader;
	struct message m = {0};
	const char *run_state;
	int schema, connected, connections;

	trainer_init(&t, f, "shown", 0, 1);
	trainer_join(&t);
	for (int i = 0; i < 7; i++) {
		trainer_step(&t);
	}
	trainer_until_acked(&t, 7);
	reader_connect(f, &reader);
	reader_ask(&reader, "status", NULL, &m);
	assert_int_equal(m.reply.code, REPLY_OK);
	json_t *document = parse(&m);
	assert_int_equal(json_unpack(document, "{s:i, s:{s:i}, s:[{s:s, s:i}]}", "schema", &schema,
				 "daemon", "connections", &connections, "runs", "state", &run_state,
				 "streams_connected", &connected),
		0);
	assert_int_equal(schema, 1);
	assert_int_equal(connections, 2);
	assert_int_equal(connected, 1);
	assert_string_equal(run_state, "running");
	json_decref(document);

	/* Its parts and its whole id find it; another does not. */
	reader_ask(&reader, "status", "sho", &m);
	assert_int_equal(m.reply.code, REPLY_OK);
	reader_ask(&reader, "status", "nobody", &m);
	assert_int_equal(m.reply.code, REPLY_NO_SUCH_RUN);
	assert_true(m.reply.words.len > 0);

	/* Its curves are as fine as was asked for. */
	m = (struct message){.type = MSG_QUERY,
		.query = {.token = 1, .what = text("status"), .run = text("shown"), .points = 3}};
	peer_send(&reader, &m, NULL, 0);
	peer_expect(&reader, MSG_REPLY, &m);
	document = parse(&m);
	json_t *curves =
		json_object_get(json_array_get(json_object_get(document, "runs"), 0), "curves");
	assert_int_equal(json_array_size(json_object_get(curves, "times")), 3);
	json_decref(document);
	trainer_close(&t);
	peer_close(&reader);
}

static void many_questions_at_once_are_answered_in_turn(void **state) {
	struct flow *f = *state;
	struct peer reader;
	struct message m = {.type = MSG_QUERY, .query = {.what = text("status")}};

	reader_connect(f, &reader);
	for (uint64_t token = 0; token < 20; token++) {
		m.query.token = token;
		peer_send(&reader, &m, NULL, 0);
	}
	for (uint64_t token = 0; token < 20; token++) {
		struct message answer = {0};
		peer_expect(&reader, MSG_REPLY, &answer);
		assert_int_equal(answer.reply.token, token);
		assert_int_equal(answer.reply.code, REPLY_OK);
	}
	peer_close(&reader);
}

static void a_reader_may_leave_before_its_answer(void **state) {
	struct flow *f = *state;
	struct peer reader;
	struct message m = {.type = MSG_QUERY, .query = {.what = text("status")}};

	reader_connect(f, &reader);
	uint64_t messages = server_stats(f->server)->messages;
	peer_send(&reader, &m, NULL, 0);
	while (server_stats(f->server)->messages == messages) {
		flow_turn(f);
	}
	peer_close(&reader);
	while (server_stats(f->server)->sessions > 0) {
		flow_turn(f);
	}
}

static void a_question_the_daemon_does_not_know_is_answered(void **state) {
	struct flow *f = *state;
	struct peer reader;
	struct message m = {0};

	reader_connect(f, &reader);
	reader_ask(&reader, "ping", NULL, &m);
	assert_int_equal(m.reply.code, REPLY_OK);
	reader_ask(&reader, "weather", NULL, &m);
	assert_int_equal(m.reply.code, REPLY_UNKNOWN_QUERY);
	assert_true(m.reply.words.len > 0);
	peer_close(&reader);
}

static const char *no_name(void *user, uint32_t uid) {
	(void)user;
	(void)uid;

	return NULL;
}

static void a_name_that_is_found_late_is_in_the_row_then(void **state) {
	struct flow *f = *state;
	struct trainer t;

	flow_stop(f);
	f->options.user_name = no_name;
	flow_start(f);
	trainer_init(&t, f, "named", 0, 1);
	trainer_join(&t);
	trainer_step(&t);
	trainer_until_acked(&t, 1);
	assert_int_equal(flow_ask(f, "SELECT count(*) FROM runs WHERE user = uid"), 1);
	engine_tell_user(f->engine, geteuid(), "ana");
	flow_until(f, 1, "SELECT count(*) FROM runs WHERE user = 'ana'");
	trainer_close(&t);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, flow_setup, flow_teardown)
	const struct CMUnitTest tests[] = {
		T(a_version_nobody_speaks_is_refused_with_ours),
		T(a_newer_client_that_still_speaks_ours_is_welcome),
		T(the_streams_messages_before_open_are_refused),
		T(a_second_open_is_refused),
		T(a_reader_opens_no_run_and_a_trainer_asks_nothing),
		T(what_only_the_daemon_says_is_malformed),
		T(a_seq_that_jumps_is_refused_and_may_come_again),
		T(nobody_is_let_in_at_the_end),
		T(a_poison_message_is_refused_once_and_acked),
		T(a_header_that_cannot_be_read_consumes_its_seq),
		T(a_state_handed_back_goes_on_exactly),
		T(a_snapshot_waits_for_what_it_is_to_hold),
		T(every_rank_may_ask_for_the_state),
		T(a_run_below_its_own_bounds_is_told_to_stop),
		T(status_lays_what_lives_over_what_is_committed),
		T(many_questions_at_once_are_answered_in_turn),
		T(a_reader_may_leave_before_its_answer),
		T(a_question_the_daemon_does_not_know_is_answered),
		T(a_name_that_is_found_late_is_in_the_row_then),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}

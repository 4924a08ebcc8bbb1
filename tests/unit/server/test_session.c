/* A session over a socketpair: frames cut anywhere, bad peers, slow peers, bounded answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

static int setup(void **state) {
	struct harness *h = malloc(sizeof *h);
	harness_open(h, &server_default_limits);
	*state = h;
	return 0;
}

static int teardown(void **state) {
	harness_close(*state);
	free(*state);
	return 0;
}

static void until_seen(struct harness *h, uint32_t n) {
	while (h->n_seen < n) {
		harness_turn(h);
	}
}

static void until_closed(struct harness *h, uint32_t n) {
	while (h->n_closed < n) {
		harness_turn(h);
	}
}

static void until_received(struct harness *h, uint64_t bytes) {
	while (server_stats(h->server)->bytes < bytes) {
		harness_turn(h);
	}
}

static size_t a_conversation(uint8_t *out, size_t cap) {
	size_t len = frame_hello(out, cap);
	len += frame_open(out + len, cap - len, 32);
	len += frame_event(out + len, cap - len, 1);
	len += frame_step(out + len, cap - len, 2, 32);
	len += frame_event(out + len, cap - len, 3);
	return len;
}

static void expect_conversation(const struct seen *seen) {
	assert_int_equal(seen[0].type, MSG_HELLO);
	assert_int_equal(seen[1].type, MSG_OPEN);
	assert_int_equal(seen[2].seq, 1);
	assert_int_equal(seen[3].type, MSG_STEP);
	assert_int_equal(seen[3].payload_sum, 32);
	assert_int_equal(seen[4].seq, 3);
}

static void frames_may_be_cut_at_every_byte(void **state) {
	struct harness *h = *state;
	uint8_t frames[2048];
	size_t len = a_conversation(frames, sizeof frames);

	h->payload_len_max = 32;
	for (size_t cut = 1; cut < len; cut++) {
		struct peer peer;
		h->n_seen = 0;
		uint64_t before = server_stats(h->server)->bytes;
		harness_connect(h, &peer);
		peer_write(&peer, frames, cut);
		until_received(h, before + cut);
		peer_write(&peer, frames + cut, len - cut);
		until_seen(h, 5);
		expect_conversation(h->seen);
		peer_close(&peer);
		until_closed(h, (uint32_t)cut);
	}
}

static void frames_may_come_byte_by_byte(void **state) {
	struct harness *h = *state;
	uint8_t frames[2048];
	size_t len = a_conversation(frames, sizeof frames);
	struct peer peer;

	h->payload_len_max = 32;
	harness_connect(h, &peer);
	for (size_t i = 0; i < len; i++) {
		peer_write(&peer, frames + i, 1);
		until_received(h, i + 1);
	}
	until_seen(h, 5);
	expect_conversation(h->seen);
	peer_close(&peer);
}

static void many_small_frames_come_in_one_read(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t frames[65536];
	size_t len = 0;
	uint64_t seq = 0;

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	while (len < 32768) {
		len += frame_event(frames + len, sizeof frames - len, ++seq);
	}
	peer_write(&peer, frames, len);
	until_seen(h, 2 + (uint32_t)seq);
	for (uint64_t i = 1; i <= seq; i++) {
		assert_int_equal(h->seen[1 + i].seq, i);
	}
	peer_close(&peer);
}

static void large_frames_arrive_whole_between_small_ones(void **state) {
	struct harness *h = *state;
	const uint32_t d_sae = 1u << 20;
	struct peer peer;
	size_t cap = d_sae + 4096;
	uint8_t *frames = malloc(cap);

	harness_connect(h, &peer);
	peer_greet(h, &peer, d_sae);
	for (uint64_t seq = 1; seq <= 6; seq += 2) {
		size_t len = frame_step(frames, cap, seq, d_sae);
		len += frame_event(frames + len, cap - len, seq + 1);
		peer_write(&peer, frames, len);
	}
	until_seen(h, 2 + 6);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(h->seen[2 + i].seq, i + 1);
		assert_int_equal(h->seen[2 + i].payload_sum, i % 2 == 0 ? d_sae : 0);
	}
	free(frames);
	peer_close(&peer);
}

static void a_message_is_kept_for_later_and_offered_again(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t frames[1024];

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	h->verdict = SESSION_LATER;
	size_t len = frame_event(frames, sizeof frames, 1);
	len += frame_step(frames + len, sizeof frames - len, 2, 32);
	uint64_t before = server_stats(h->server)->bytes;
	peer_write(&peer, frames, len);
	until_received(h, before + len);
	assert_int_equal(h->n_seen, 2);
	assert_false(session_drained(h->session));

	/* Nothing more is read from it meanwhile. */
	len = frame_event(frames, sizeof frames, 3);
	peer_write(&peer, frames, len);
	h->verdict = SESSION_READ_ON;
	session_resume(h->session);
	assert_int_equal(h->n_seen, 2);
	until_seen(h, 5);
	assert_int_equal(h->seen[2].seq, 1);
	assert_int_equal(h->seen[3].payload_sum, 32);
	assert_int_equal(h->seen[4].seq, 3);
	assert_true(session_drained(h->session));
	peer_close(&peer);
}

/* What it waited for came while it found out that it has to wait. */
static void who_resumes_before_he_says_later_is_offered_the_message_again(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t frames[1024];

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	h->is_rash = true;
	size_t len = frame_event(frames, sizeof frames, 1);
	peer_write(&peer, frames, len);
	until_seen(h, 3);
	assert_int_equal(h->seen[2].seq, 1);

	/* One that was not held is not offered twice. */
	session_resume(h->session);
	h->verdict = SESSION_LATER;
	uint64_t before = server_stats(h->server)->messages;
	peer_write(&peer, frames, len);
	until_received(h, server_stats(h->server)->bytes + len);
	struct peer other;
	harness_connect(h, &other);
	peer_greet(h, &other, 32);
	assert_int_equal(server_stats(h->server)->messages, before + 1 + 2);
	peer_close(&other);
	peer_close(&peer);
}

static void what_a_peer_sent_is_offered_before_it_is_gone(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t frames[1024];

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	h->verdict = SESSION_LATER;
	size_t len = frame_event(frames, sizeof frames, 1);
	uint64_t before = server_stats(h->server)->bytes;
	peer_write(&peer, frames, len);
	until_received(h, before + len);
	len = frame_event(frames, sizeof frames, 2);
	peer_write(&peer, frames, len);
	peer_close(&peer);

	h->verdict = SESSION_READ_ON;
	session_resume(h->session);
	until_closed(h, 1);
	assert_int_equal(h->n_seen, 4);
	assert_int_equal(h->seen[3].seq, 2);
}

static void nothing_is_offered_after_close(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t frames[1024];

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	size_t len = frame_event(frames, sizeof frames, 1);
	peer_write(&peer, frames, len);
	session_close(h->session);
	until_closed(h, 1);
	assert_int_equal(h->n_seen, 2);
	peer_read_to_end(&peer);
	peer_close(&peer);
}

/* ---- refusals ---- */

static void expect_refusal_of(
	struct harness *h, const uint8_t *data, size_t len, enum refusal_code code) {
	struct peer peer;
	uint64_t before = server_stats(h->server)->refused[code];

	harness_connect(h, &peer);
	peer_write(&peer, data, len);
	peer_expect_refusal(&peer, code);
	assert_int_equal(server_stats(h->server)->refused[code], before + 1);
	peer_close(&peer);
}

static void garbage_is_refused(void **state) {
	static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	expect_refusal_of(*state, (const uint8_t *)http, sizeof http - 1, REFUSE_TOO_LARGE);
}

static void an_empty_header_is_refused(void **state) {
	static const uint8_t zeros[8] = {0};
	expect_refusal_of(*state, zeros, sizeof zeros, REFUSE_MALFORMED);
}

static void a_payload_before_open_is_refused_by_its_announcement(void **state) {
	static const uint8_t prefix[8] = {16, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	expect_refusal_of(*state, prefix, sizeof prefix, REFUSE_TOO_LARGE);
}

static void a_payload_above_the_runs_need_is_refused(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t prefix[8];
	struct message m;

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	frame_prefix(prefix, 16, (uint32_t)PAYLOAD_LEN_MAX(32) + 1);
	peer_write(&peer, prefix, sizeof prefix);
	assert_true(peer_read(&peer, &m));
	assert_int_equal(m.refusal.code, REFUSE_TOO_LARGE);
	assert_true(m.refusal.has_limit);
	assert_int_equal(m.refusal.limit, PAYLOAD_LEN_MAX(32));
	peer_close(&peer);
}

static void a_nesting_bomb_is_refused(void **state) {
	uint8_t frame[8 + 64];
	frame_prefix(frame, 64, 0);
	memset(frame + 8, 0x91, 64); /* arrays of one, one in another */
	expect_refusal_of(*state, frame, sizeof frame, REFUSE_MALFORMED);
}

static void an_array_of_four_billion_is_refused(void **state) {
	static const uint8_t frame[] = {5, 0, 0, 0, 0, 0, 0, 0, 0xdd, 0xff, 0xff, 0xff, 0xff};
	expect_refusal_of(*state, frame, sizeof frame, REFUSE_MALFORMED);
}

static void a_message_before_hello_is_refused(void **state) {
	uint8_t frame[256];
	size_t len = frame_event(frame, sizeof frame, 1);
	expect_refusal_of(*state, frame, len, REFUSE_OUT_OF_ORDER);
}

/* Its error code is none of a refusal: 32 and more. */
static void a_bad_message_before_hello_is_refused(void **state) {
	/* [8 EVENT, 7]: the rest is missing. */
	static const uint8_t frame[] = {3, 0, 0, 0, 0, 0, 0, 0, 0x92, 8, 7};
	expect_refusal_of(*state, frame, sizeof frame, REFUSE_OUT_OF_ORDER);
}

static void a_second_hello_is_refused(void **state) {
	uint8_t frames[256];
	size_t len = frame_hello(frames, sizeof frames);
	len += frame_hello(frames + len, sizeof frames - len);
	expect_refusal_of(*state, frames, len, REFUSE_OUT_OF_ORDER);
}

static void a_bad_message_with_a_seq_is_the_owners(void **state) {
	struct harness *h = *state;
	struct peer peer;
	/* [8 EVENT, 7]: the rest is missing. */
	static const uint8_t frame[] = {3, 0, 0, 0, 0, 0, 0, 0, 0x92, 8, 7};

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	peer_write(&peer, frame, sizeof frame);
	while (h->n_bad == 0) {
		harness_turn(h);
	}
	assert_int_equal(h->n_closed, 0);
	peer_close(&peer);
}

static void too_many_connections_are_refused_and_may_come_again(void **state) {
	struct harness *h = *state;
	struct holdings of_users = h->limits;
	struct peer peers[3];
	struct message m;

	harness_close(h);
	of_users.of[HOLDING_CONNECTIONS] = 2;
	harness_open_with(h, &server_default_limits, &of_users);
	for (uint32_t i = 0; i < 3; i++) {
		harness_connect(h, &peers[i]);
	}
	assert_true(peer_read(&peers[2], &m));
	assert_int_equal(m.refusal.code, REFUSE_TOO_MANY);
	assert_true(m.refusal.has_retry);
	assert_int_equal(m.refusal.limit, 2);
	assert_non_null(memmem(m.refusal.words.data, m.refusal.words.len,
		"limit connections = 2 ([limits] in sae-metricsd.conf); it is tried again", 72));

	peer_close(&peers[0]);
	peer_close(&peers[2]);
	until_closed(h, 1);
	harness_connect(h, &peers[0]);
	peer_greet(h, &peers[0], 32);
	peer_close(&peers[0]);
	peer_close(&peers[1]);
}

/* ---- deadlines ---- */

static void tick_after(struct harness *h, uint64_t ms) {
	server_tick(h->server, uv_now(&h->loop) + ms);
}

static void whoever_does_not_open_in_time_is_closed(void **state) {
	struct harness *h = *state;
	struct peer silent, greeted;
	uint8_t hello[256];

	harness_connect(h, &silent);
	harness_connect(h, &greeted);
	peer_write(&greeted, hello, frame_hello(hello, sizeof hello));
	until_seen(h, 1);
	tick_after(h, SERVER_GREETING_MS - 1000);
	assert_int_equal(server_stats(h->server)->overdue, 0);
	tick_after(h, SERVER_GREETING_MS);
	peer_read_to_end(&silent);
	peer_read_to_end(&greeted);
	assert_int_equal(server_stats(h->server)->overdue, 2);
	peer_close(&silent);
	peer_close(&greeted);
}

static void whoever_opened_may_be_silent_for_ever(void **state) {
	struct harness *h = *state;
	struct peer peer;

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	tick_after(h, 3600 * 1000);
	assert_int_equal(server_stats(h->server)->overdue, 0);
	peer_close(&peer);
}

/* ---- memory ---- */

static void small_memory(struct harness *h, uint64_t frame_bytes) {
	struct holdings of_users = h->limits;
	harness_close(h);
	of_users.of[HOLDING_QUEUED] = frame_bytes;
	harness_open_with(h, &server_default_limits, &of_users);
}

#define TWO_FRAMES_D_SAE (1u << 20)

/* Two peers, each with a large frame of which the beginning was read. */
struct two_frames {
	struct peer peers[2];
	uint8_t *frame; /* of either */
	size_t len;
};

static void two_frames_begin(struct harness *h, struct two_frames *t) {
	size_t cap = TWO_FRAMES_D_SAE + 4096;

	t->frame = malloc(cap);
	for (int i = 0; i < 2; i++) {
		harness_connect(h, &t->peers[i]);
		peer_greet(h, &t->peers[i], TWO_FRAMES_D_SAE);
	}
	t->len = frame_step(t->frame, cap, 1, TWO_FRAMES_D_SAE);
	for (int i = 0; i < 2; i++) {
		uint64_t before = server_stats(h->server)->bytes;
		peer_write(&t->peers[i], t->frame, 100);
		until_received(h, before + 100);
	}
}

/* The rest of the frame, to the server that may read it. */
static void two_frames_go_on(struct two_frames *t, int i) {
	peer_write(&t->peers[i], t->frame + 100, t->len - 100);
}

/* As many messages as that were seen, the last of them a whole frame. */
static void until_frame_seen(struct harness *h, uint32_t n_seen) {
	until_seen(h, n_seen);
	assert_int_equal(h->seen[n_seen - 1].payload_sum, TWO_FRAMES_D_SAE);
}

static void two_frames_end(struct two_frames *t) {
	free(t->frame);
	peer_close(&t->peers[0]);
	peer_close(&t->peers[1]);
}

static void a_large_frame_waits_until_the_one_before_is_done(void **state) {
	struct harness *h = *state;
	struct two_frames two;

	small_memory(h, 1u << 20);
	two_frames_begin(h, &two);
	two_frames_go_on(&two, 0);
	until_frame_seen(h, 5);
	two_frames_go_on(&two, 1);
	until_frame_seen(h, 6);
	two_frames_end(&two);
}

static void a_frame_that_stalls_while_others_wait_loses_its_connection(void **state) {
	struct harness *h = *state;
	struct two_frames two;

	small_memory(h, 1u << 20);
	two_frames_begin(h, &two);
	tick_after(h, SERVER_STALL_MS);
	peer_read_to_end(&two.peers[0]);
	two_frames_go_on(&two, 1);
	until_frame_seen(h, 5);
	two_frames_end(&two);
}

static void a_frame_that_stalls_alone_is_waited_for(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t prefix[8];

	harness_connect(h, &peer);
	peer_greet(h, &peer, 1u << 20);
	uint64_t before = server_stats(h->server)->bytes;
	frame_prefix(prefix, 100, 1u << 20);
	peer_write(&peer, prefix, sizeof prefix);
	until_received(h, before + sizeof prefix);
	tick_after(h, 10 * SERVER_STALL_MS);
	assert_int_equal(server_stats(h->server)->overdue, 0);
	peer_close(&peer);
}

static uint64_t queued(const struct harness *h) {
	return ledger_held(&h->ledger, getuid(), HOLDING_QUEUED);
}

/* Else each connection could bring one, and none of them would be too much. */
static void a_frame_beyond_the_limit_is_read_but_not_held(void **state) {
	struct harness *h = *state;
	struct two_frames two;
	struct message m;

	small_memory(h, 1u << 19);
	two_frames_begin(h, &two);
	h->verdict = SESSION_LATER;
	two_frames_go_on(&two, 0);
	peer_expect(&two.peers[0], MSG_REFUSAL, &m);
	assert_int_equal(m.refusal.code, REFUSE_BUDGET);
	assert_true(m.refusal.has_retry);
	assert_int_equal(m.refusal.limit, 1u << 19);
	assert_non_null(
		memmem(m.refusal.words.data, m.refusal.words.len, "limit queued = 512", 18));
	assert_false(peer_read(&two.peers[0], &m));

	h->verdict = SESSION_READ_ON;
	two_frames_go_on(&two, 1);
	until_frame_seen(h, 5);
	two_frames_end(&two);
}

static void within_it_a_frame_is_held(void **state) {
	struct harness *h = *state;
	struct two_frames two;

	small_memory(h, 3u << 20);
	two_frames_begin(h, &two);
	h->verdict = SESSION_LATER;
	uint64_t before = server_stats(h->server)->bytes;
	two_frames_go_on(&two, 0);
	until_received(h, before + two.len - 100);
	struct session *s = h->session;
	for (int i = 0; i < 3; i++) {
		harness_turn(h);
	}
	assert_true(queued(h) >= two.len);
	h->verdict = SESSION_READ_ON;
	session_resume(s);
	until_frame_seen(h, 5);
	two_frames_end(&two);
}

/* ---- answers ---- */

static void send_reply(struct session *s, size_t len) {
	uint8_t *json = malloc(len);
	memset(json, ' ', len);
	struct message reply = {.type = MSG_REPLY, .reply = {.token = 5}};
	reply.reply.json = json;
	reply.reply.json_len = len;
	session_send_payload(s, &reply, json, len);
}

static void a_payload_arrives_whole_and_is_told_of(void **state) {
	struct harness *h = *state;
	struct peer peer;
	struct message m;

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	send_reply(h->session, 100000);
	assert_true(session_sending_payload(h->session));
	session_ack(h->session, 1);
	assert_true(peer_read(&peer, &m));
	assert_int_equal(m.type, MSG_REPLY);
	assert_int_equal(m.reply.json_len, 100000);
	while (h->n_payloads_sent == 0) {
		harness_turn(h);
	}
	assert_false(session_sending_payload(h->session));
	assert_true(peer_read(&peer, &m));
	assert_int_equal(m.ack.seq, 1);
	peer_close(&peer);
}

static void acks_that_cannot_leave_are_replaced_by_later_ones(void **state) {
	struct harness *h = *state;
	struct peer peer;
	struct message m;
	uint32_t n_acks = 0;
	uint64_t last = 0;

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	for (uint64_t seq = 1; seq <= 100000; seq++) {
		session_ack(h->session, seq);
	}
	while (last < 100000) {
		assert_true(peer_read(&peer, &m));
		assert_true(m.ack.seq > last);
		last = m.ack.seq;
		n_acks++;
	}
	assert_true(n_acks <= 2);
	peer_close(&peer);
}

static void a_peer_that_does_not_read_is_dropped_at_the_bound(void **state) {
	struct harness *h = *state;
	struct peer peer;
	const char *words = "a warning of some length, which nobody ever reads, repeated";
	struct message error = {.type = MSG_ERROR,
		.error = {.code = ERROR_LATE, .words = text_of(words, strlen(words))}};

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	for (int i = 0; i < 100000 && h->n_closed == 0; i++) {
		session_send(h->session, &error);
		if (i % 100 == 0) {
			uv_run(&h->loop, UV_RUN_NOWAIT);
		}
	}
	until_closed(h, 1);
	peer_close(&peer);
}

static void a_payload_nobody_takes_is_given_up(void **state) {
	struct harness *h = *state;
	struct peer peer;

	harness_connect(h, &peer);
	peer_greet(h, &peer, 32);
	send_reply(h->session, 8u << 20);
	tick_after(h, SERVER_STALL_MS - 1000);
	assert_int_equal(server_stats(h->server)->overdue, 0);
	tick_after(h, SERVER_STALL_MS);
	until_closed(h, 1);
	peer_close(&peer);
}

static void a_refusal_reaches_a_peer_that_still_sends(void **state) {
	struct harness *h = *state;
	struct peer peer;
	uint8_t junk[4096];

	memset(junk, 0xff, sizeof junk);
	harness_connect(h, &peer);
	peer_write(&peer, junk, sizeof junk);
	peer_expect_refusal(&peer, REFUSE_TOO_LARGE);
	peer_close(&peer);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(frames_may_be_cut_at_every_byte),
		T(frames_may_come_byte_by_byte),
		T(many_small_frames_come_in_one_read),
		T(large_frames_arrive_whole_between_small_ones),
		T(a_message_is_kept_for_later_and_offered_again),
		T(who_resumes_before_he_says_later_is_offered_the_message_again),
		T(what_a_peer_sent_is_offered_before_it_is_gone),
		T(nothing_is_offered_after_close),
		T(garbage_is_refused),
		T(an_empty_header_is_refused),
		T(a_payload_before_open_is_refused_by_its_announcement),
		T(a_payload_above_the_runs_need_is_refused),
		T(a_nesting_bomb_is_refused),
		T(an_array_of_four_billion_is_refused),
		T(a_message_before_hello_is_refused),
		T(a_bad_message_before_hello_is_refused),
		T(a_second_hello_is_refused),
		T(a_bad_message_with_a_seq_is_the_owners),
		T(too_many_connections_are_refused_and_may_come_again),
		T(whoever_does_not_open_in_time_is_closed),
		T(whoever_opened_may_be_silent_for_ever),
		T(a_large_frame_waits_until_the_one_before_is_done),
		T(a_frame_that_stalls_while_others_wait_loses_its_connection),
		T(a_frame_that_stalls_alone_is_waited_for),
		T(a_frame_beyond_the_limit_is_read_but_not_held),
		T(within_it_a_frame_is_held),
		T(a_payload_arrives_whole_and_is_told_of),
		T(acks_that_cannot_leave_are_replaced_by_later_ones),
		T(a_peer_that_does_not_read_is_dropped_at_the_bound),
		T(a_payload_nobody_takes_is_given_up),
		T(a_refusal_reaches_a_peer_that_still_sends),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}

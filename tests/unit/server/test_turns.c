/* In which order users are read, with a clock of the test's own: whatever one of them does, the other's next message comes
 * soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

#define HOSTILE 1000u
#define HONEST  1001u

#define QUANTUM_NS 150000ull /* as turns.c has it */
#define WORK_NS    500000ull
#define MESSAGE_NS 10000u /* each look at the clock is so much later: what a message costs */
#define A_TURN     (QUANTUM_NS / MESSAGE_NS) /* messages of a user's part of a turn */

static uint64_t at_ns, look_ns;

static uint64_t later(void) {
	at_ns += look_ns;
	return at_ns;
}

static int setup(void **state) {
	struct harness *h = malloc(sizeof *h);
	struct server_limits limits = server_default_limits;

	limits.now_ns = later;
	look_ns = MESSAGE_NS;
	harness_open(h, &limits);
	*state = h;
	return 0;
}

static int teardown(void **state) {
	harness_close(*state);
	free(*state);
	return 0;
}

static void join(struct harness *h, struct peer *peer, uid_t uid) {
	assert_int_equal(server_adopt_from(h->server, peer_pair(peer, &h->loop), uid, 1), 0);
	peer_greet(h, peer, 32);
}

/* As many EVENTs as one read takes, from this seq on; returns the next. */
static uint64_t flood(struct peer *peer, uint64_t seq, size_t bytes) {
	uint8_t frames[65536];
	size_t len = 0;

	while (len + 256 < bytes && len + 256 < sizeof frames) {
		len += frame_event(frames + len, sizeof frames - len, seq++);
	}
	peer_write(peer, frames, len);
	return seq;
}

static uint32_t place_of(const struct harness *h, uint64_t seq) {
	for (uint32_t i = 0; i < h->n_seen; i++) {
		if (h->seen[i].seq == seq) {
			return i;
		}
	}
	return UINT32_MAX;
}

static void until_seen(struct harness *h, uint64_t seq) {
	while (place_of(h, seq) == UINT32_MAX) {
		harness_turn(h);
	}
}

#define HONEST_SEQ 1000000u

static void send_honest(struct peer *peer) {
	uint8_t frame[256];
	peer_write(peer, frame, frame_event(frame, sizeof frame, HONEST_SEQ));
}

static void behind_a_flood_a_message_is_offered_within_a_turn(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest;

	join(h, &hostile, HOSTILE);
	join(h, &honest, HONEST);
	uint64_t end = flood(&hostile, 1, 50000);
	send_honest(&honest);
	uint32_t before = h->n_seen;
	until_seen(h, HONEST_SEQ);
	assert_true(place_of(h, HONEST_SEQ) - before <= A_TURN + 1);
	assert_true(end > 4 * A_TURN);

	/* And nothing of the flood is lost, nor out of order. */
	until_seen(h, end - 1);
	for (uint32_t i = before, seq = 1; i < h->n_seen; i++) {
		if (h->seen[i].seq != HONEST_SEQ) {
			assert_int_equal(h->seen[i].seq, seq++);
		}
	}
	peer_close(&hostile);
	peer_close(&honest);
}

/* All his connections have one part together. */
static void many_connections_are_no_more_than_one(void **state) {
	struct harness *h = *state;
	enum { N = 40 };
	struct peer hostile[N], honest;

	for (int i = 0; i < N; i++) {
		join(h, &hostile[i], HOSTILE);
	}
	join(h, &honest, HONEST);
	for (int i = 0; i < N; i++) {
		(void)flood(&hostile[i], 1, 4000);
	}
	send_honest(&honest);
	uint32_t before = h->n_seen;
	until_seen(h, HONEST_SEQ);
	assert_true(place_of(h, HONEST_SEQ) - before <= A_TURN + 1);
	for (int i = 0; i < N; i++) {
		peer_close(&hostile[i]);
	}
	peer_close(&honest);
}

static void connections_of_a_user_take_turns_among_themselves(void **state) {
	struct harness *h = *state;
	struct peer first, second, honest;

	join(h, &honest, HONEST);
	join(h, &first, HOSTILE);
	join(h, &second, HOSTILE);
	uint64_t end = flood(&first, 1, 50000);
	send_honest(&second);
	uint32_t before = h->n_seen;
	until_seen(h, HONEST_SEQ);
	assert_true(place_of(h, HONEST_SEQ) - before <= 3 * A_TURN);
	assert_true(end > 6 * A_TURN);
	peer_close(&first);
	peer_close(&second);
	peer_close(&honest);
}

static void alone_nobody_waits_and_no_clock_is_read(void **state) {
	struct harness *h = *state;
	struct peer peer;

	join(h, &peer, HOSTILE);
	uint64_t before_ns = at_ns, end = flood(&peer, 1, 50000);
	uint32_t before = h->n_seen;
	while (h->n_seen == before) {
		harness_turn(h);
	}
	until_seen(h, end - 1);
	assert_int_equal(at_ns, before_ns);
	peer_close(&peer);
}

/* He connects, costs what he can, and goes: the debt stays. */
static void a_debt_outlives_the_connections(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest, again;

	join(h, &honest, HONEST);
	join(h, &hostile, HOSTILE);
	session_spend(h->session, 100 * QUANTUM_NS);
	session_close(h->session);
	while (h->n_closed < 1) {
		harness_turn(h);
	}
	assert_int_equal(server_adopt_from(h->server, peer_pair(&again, &h->loop), HOSTILE, 1), 0);
	uint8_t hello[256];
	peer_write(&again, hello, frame_hello(hello, sizeof hello));
	peer_close(&hostile);
	uint32_t before = h->n_seen;
	for (int i = 0; i < 20; i++) {
		harness_turn(h);
	}
	assert_int_equal(h->n_seen, before);
	send_honest(&honest);
	until_seen(h, HONEST_SEQ);

	/* Turns pay it. */
	while (h->n_seen < before + 2) {
		harness_turn(h);
	}
	peer_close(&again);
	peer_close(&honest);
}

static void who_is_resumed_waits_for_his_turn_too(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest;
	uint8_t frame[256];

	join(h, &honest, HONEST);
	join(h, &hostile, HOSTILE);
	struct session *s = h->session;
	h->verdict = SESSION_LATER;
	uint64_t before = server_stats(h->server)->bytes;
	size_t len = frame_event(frame, sizeof frame, 1);
	peer_write(&hostile, frame, len);
	while (server_stats(h->server)->bytes < before + len) {
		harness_turn(h);
	}
	h->verdict = SESSION_READ_ON;
	session_spend(s, 50 * QUANTUM_NS);
	session_resume(s);
	uint32_t n_before = h->n_seen;
	for (int i = 0; i < 10; i++) {
		harness_turn(h);
	}
	assert_int_equal(h->n_seen, n_before);
	until_seen(h, 1);
	peer_close(&hostile);
	peer_close(&honest);
}

/* A loop that never slept would keep the disk's worker from a processor that both have to share. */
static void a_loop_that_works_off_a_flood_pauses_and_still_hears_others(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest;
	uint32_t n_pauses = 0, seen_in_pauses = 0;
	bool paused = false;

	join(h, &honest, HONEST);
	join(h, &hostile, HOSTILE);
	uint32_t before = h->n_seen;
	uint64_t end = flood(&hostile, 1, 60000);
	assert_true(end > 8 * WORK_NS / MESSAGE_NS);
	while (h->n_seen < before + end) {
		uint32_t n = h->n_seen;
		if (n == before + end - 1) {
			send_honest(&honest); /* all of the flood was seen */
		}
		harness_turn(h);
		if (server_pauses(h->server) && paused) {
			seen_in_pauses += h->n_seen - n;
		}
		n_pauses += server_pauses(h->server) && !paused;
		paused = server_pauses(h->server);
	}
	assert_true(n_pauses >= 4);
	assert_int_equal(seen_in_pauses, 0);
	peer_close(&hostile);
	peer_close(&honest);
}

static void until_pause(struct harness *h) {
	while (!server_pauses(h->server)) {
		harness_turn(h);
	}
}

static void in_a_pause_others_are_read(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest;
	uint32_t n_read = 0;

	join(h, &honest, HONEST);
	join(h, &hostile, HOSTILE);
	session_spend(h->session, 1000000 * QUANTUM_NS); /* for the whole test */
	for (int i = 0; i < 50; i++) {
		uint32_t before = h->n_seen;
		until_pause(h);
		send_honest(&honest);
		harness_turn(h);
		n_read += server_pauses(h->server) && h->n_seen > before;
		while (h->n_seen == before) {
			harness_turn(h);
		}
	}
	assert_true(n_read > 0); /* of the others the pause was over meanwhile */
	peer_close(&hostile);
	peer_close(&honest);
}

/* He says something that takes a turn and a third, n times; in between the loop waits for so long. Returns how often it paused. */
static uint32_t pauses_for(struct harness *h, struct peer *peer, int n, uint64_t waits_ns) {
	uint32_t n_pauses = 0;
	uint8_t frame[256];

	look_ns = 0; /* time passes as it is said here */
	for (int i = 0; i < n; i++) {
		uint32_t before = h->n_seen;
		at_ns += waits_ns;
		peer_write(peer, frame, frame_event(frame, sizeof frame, 1));
		while (h->n_seen == before) {
			harness_turn(h);
		}
		at_ns += QUANTUM_NS * 4 / 3;
		session_spend(h->session, QUANTUM_NS * 4 / 3);
		harness_turn(h);
		n_pauses += server_pauses(h->server);
	}
	return n_pauses;
}

static void messages_that_are_more_than_a_turn_each_make_it_pause_too(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest;

	join(h, &honest, HONEST);
	join(h, &hostile, HOSTILE);
	assert_in_range(pauses_for(h, &hostile, 60, 0), 15, 30);
	peer_close(&hostile);
	peer_close(&honest);
}

static void who_says_little_is_no_reason_to_pause_however_large_it_is(void **state) {
	struct harness *h = *state;
	struct peer large, other;

	join(h, &other, HONEST);
	join(h, &large, HOSTILE);
	assert_int_equal(pauses_for(h, &large, 60, 20000000), 0);
	peer_close(&large);
	peer_close(&other);
}

/* On a machine so slow that after each pause as much time as a stretch of work passes before the loop comes round to him. */
static void between_two_pauses_is_a_turn_however_slow_the_machine(void **state) {
	struct harness *h = *state;
	struct peer hostile, honest;
	int n_turns = 0;

	join(h, &honest, HONEST);
	join(h, &hostile, HOSTILE);
	uint32_t end = h->n_seen + (uint32_t)flood(&hostile, 1, 20000) - 1;
	while (h->n_seen < end) {
		bool paused = server_pauses(h->server);
		harness_turn(h);
		if (paused && !server_pauses(h->server)) {
			at_ns += WORK_NS;
		}
		assert_true(++n_turns < 500);
	}
	peer_close(&hostile);
	peer_close(&honest);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(behind_a_flood_a_message_is_offered_within_a_turn),
		T(many_connections_are_no_more_than_one),
		T(connections_of_a_user_take_turns_among_themselves),
		T(alone_nobody_waits_and_no_clock_is_read),
		T(a_debt_outlives_the_connections),
		T(who_is_resumed_waits_for_his_turn_too),
		T(a_loop_that_works_off_a_flood_pauses_and_still_hears_others),
		T(in_a_pause_others_are_read),
		T(messages_that_are_more_than_a_turn_each_make_it_pause_too),
		T(who_says_little_is_no_reason_to_pause_however_large_it_is),
		T(between_two_pauses_is_a_turn_however_slow_the_machine),
	};
#undef T
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}

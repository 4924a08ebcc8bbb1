#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encode.h"

static uint64_t sum_of(const struct counts *counts) {
	uint64_t sum = 0;
	for (size_t i = 0; i < counts->len; i++) {
		sum += counts->data[i];
	}
	return sum;
}

static void note(struct harness *h, enum message_type type, uint64_t seq, uint64_t sum) {
	assert_true(h->n_seen < SEEN_MAX);
	h->seen[h->n_seen++] = (struct seen){type, seq, sum};
}

static enum session_verdict on_message(void *user, struct session *s, const struct message *m) {
	struct harness *h = user;
	h->session = s;

	if (h->is_rash) {
		h->is_rash = false;
		session_resume(s);
		return SESSION_LATER;
	}
	switch (m->type) {
	case MSG_OPEN:
		session_establish(s, h->payload_len_max);
		note(h, m->type, 0, 0);
		return SESSION_READ_ON;
	case MSG_EVENT:
		if (h->verdict == SESSION_READ_ON) {
			note(h, m->type, m->event.seq, 0);
		}
		return h->verdict;
	case MSG_STEP:
		if (h->verdict == SESSION_READ_ON) {
			note(h, m->type, m->step.seq, sum_of(&m->step.nonzero));
		}
		return h->verdict;
	default:
		note(h, m->type, 0, 0);
		return SESSION_READ_ON;
	}
}

static enum session_verdict on_bad_message(
	void *user, struct session *s, const struct decode_error *error) {
	struct harness *h = user;
	h->session = s;
	(void)error;
	h->n_bad++;
	return SESSION_READ_ON;
}

static void on_payload_sent(void *user, struct session *s) {
	struct harness *h = user;
	(void)s;
	h->n_payloads_sent++;
}

static void on_closed(void *user, struct session *s) {
	struct harness *h = user;
	if (h->session == s) {
		h->session = NULL;
	}
	h->n_closed++;
}

static const struct session_callbacks callbacks = {
	.on_message = on_message,
	.on_bad_message = on_bad_message,
	.on_payload_sent = on_payload_sent,
	.on_closed = on_closed,
};

void harness_open_with(
	struct harness *h, const struct server_limits *limits, const struct holdings *of_users) {
	memset(h, 0, sizeof *h);
	h->limits = *of_users;
	const struct ledger_limits all = {
		.host_connections = LEDGER_NO_LIMIT,
		.host_memory = LEDGER_NO_LIMIT,
		.of_user = ledger_same_for_all,
		.user = &h->limits,
	};
	ledger_init(&h->ledger, &all);
	assert_int_equal(uv_loop_init(&h->loop), 0);
	assert_int_equal(server_open(&h->loop, limits, &h->ledger, &callbacks, h, &h->server), 0);
}

void harness_open(struct harness *h, const struct server_limits *limits) {
	struct holdings of_users;
	ledger_no_limits.of_user(NULL, 0, &of_users);
	harness_open_with(h, limits, &of_users);
}

static void on_server_closed(void *user) {
	struct harness *h = user;
	h->server_closed = true;
}

void harness_close(struct harness *h) {
	server_close(h->server, on_server_closed, h);
	while (!h->server_closed) {
		harness_turn(h);
	}
	assert_int_equal(uv_loop_close(&h->loop), 0);
	ledger_finish(&h->ledger);
}

void harness_turn(struct harness *h) {
	uv_run(&h->loop, UV_RUN_ONCE);
}

void harness_connect(struct harness *h, struct peer *peer) {
	assert_int_equal(server_adopt(h->server, peer_pair(peer, &h->loop)), 0);
}

static size_t frame_of(const struct message *m, uint8_t *out, size_t cap) {
	size_t len = encode(m, (uint32_t)message_payload_len(m), out, cap);
	assert_true(len > 0);
	return len;
}

static struct text text(const char *s) {
	return text_of(s, strlen(s));
}

size_t frame_hello(uint8_t *out, size_t cap) {
	return frame_of(
		&(struct message){.type = MSG_HELLO,
			.hello = {.version_min = 1, .version_max = 1, .role = ROLE_TRAINER}},
		out, cap);
}

size_t frame_open(uint8_t *out, size_t cap, uint32_t d_sae) {
	struct message m = {.type = MSG_OPEN};
	m.open = (struct msg_open){.run = text("r"),
		.launch = text("l"),
		.first_seq = 1,
		.world_size = 1,
		.global_world_size = 1,
		.d_sae = d_sae,
		.wandb_log_frequency = 10,
		.feature_sampling_window = 1000,
		.dead_feature_window = 5000};
	return frame_of(&m, out, cap);
}

size_t frame_event(uint8_t *out, size_t cap, uint64_t seq) {
	return frame_of(&(struct message){.type = MSG_EVENT,
				.event = {.seq = seq, .kind = text("note"), .text = text("words")}},
		out, cap);
}

size_t frame_step(uint8_t *out, size_t cap, uint64_t seq, uint32_t d_sae) {
	struct message m = {.type = MSG_STEP};
	m.step = (struct msg_step){.seq = seq,
		.n_rows = 4,
		.nonzero = {.form = COUNTS_U8, .n_entries = d_sae, .len = d_sae}};
	size_t len = frame_of(&m, out, cap);
	assert_true(len + d_sae <= cap);
	memset(out + len, 1, d_sae);
	return len + d_sae;
}

void peer_greet(struct harness *h, struct peer *peer, uint32_t d_sae) {
	uint8_t frames[1024];
	size_t len = frame_hello(frames, sizeof frames);
	len += frame_open(frames + len, sizeof frames - len, d_sae);
	uint32_t before = h->n_seen;

	h->payload_len_max = PAYLOAD_LEN_MAX(d_sae);
	peer_write(peer, frames, len);
	while (h->n_seen < before + 2) {
		harness_turn(h);
	}
}

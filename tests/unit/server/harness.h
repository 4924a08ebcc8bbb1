/* A server on a loop, an owner that writes down what it is offered, and a peer at the other end of a socketpair. */
#pragma once

#include "peer.h"
#include "server.h"

#define SEEN_MAX 4096u

struct seen {
	enum message_type type;
	uint64_t seq;
	uint64_t payload_sum; /* of the counts' bytes */
};

struct harness {
	uv_loop_t loop;
	struct holdings limits; /* everybody's; changed before harness_open_with */
	struct ledger ledger;
	struct server *server;
	struct session *session; /* the one offered from last */
	struct seen seen[SEEN_MAX];
	uint32_t n_seen, n_bad, n_closed, n_payloads_sent;
	enum session_verdict verdict; /* what the owner answers to a stream's messages */
	bool is_rash;                 /* it resumes before it has answered, and reads on then */
	uint64_t payload_len_max;     /* granted when OPEN comes */
	bool server_closed;
};

void harness_open(struct harness *h, const struct server_limits *limits);
/* The same with limits of users, which are set already. */
void harness_open_with(
	struct harness *h, const struct server_limits *limits, const struct holdings *of_users);
/* Closes all, and proves that the loop is empty. */
void harness_close(struct harness *h);
/* One turn of the loop that waits for something to happen. */
void harness_turn(struct harness *h);
/* A connected peer. */
void harness_connect(struct harness *h, struct peer *peer);

/* Frames of a peer: write to `out`, return their length. */
size_t frame_hello(uint8_t *out, size_t cap);
size_t frame_open(uint8_t *out, size_t cap, uint32_t d_sae);
size_t frame_event(uint8_t *out, size_t cap, uint64_t seq);
/* A STEP of d_sae dense u8 counts, all 1. */
size_t frame_step(uint8_t *out, size_t cap, uint64_t seq, uint32_t d_sae);
/* HELLO and OPEN said, and seen. */
void peer_greet(struct harness *h, struct peer *peer, uint32_t d_sae);

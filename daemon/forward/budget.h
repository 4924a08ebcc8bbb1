/* How many requests a host may send: one bucket of tokens for all its runs. It fills at a steady rate
 * and slows down to what the server says is left. Pure: time comes in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct budget {
	double rate_max_per_s, burst; /* ours */
	double rate_per_s;            /* now: ours, or what the server leaves us */
	double tokens;
	uint64_t filled_ns;  /* until when tokens are counted */
	uint64_t blocked_ns; /* nothing is sent before */
	uint64_t adapted_ns; /* until when the server's word on the rate holds */
};

void budget_init(struct budget *b, double rate_max_per_s, double burst, uint64_t now_ns);

/* Another rate from now on; what the server has said of it still counts. */
void budget_set_rate(struct budget *b, double rate_max_per_s, double burst, uint64_t now_ns);

/* Takes a token, or says from when on there will be one. */
bool budget_take(struct budget *b, uint64_t now_ns, uint64_t *ret_when_ns);

/* Nothing for anybody before (`Retry-After` of a 429). */
void budget_block(struct budget *b, uint64_t until_ns);

/* The server has `remaining` units left for the next `reset_s` seconds (RateLimit-Remaining, RateLimit-Reset). */
void budget_adapt(struct budget *b, double remaining, double reset_s, uint64_t now_ns);

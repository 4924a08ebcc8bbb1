#include "budget.h"

#include <math.h>

/* However little the server leaves: one request in ten seconds still finds out when it is more. */
#define RATE_MIN_PER_S 0.1
#define RESET_MAX_S    3600.0

static const double ns_per_s = 1e9;

void budget_init(struct budget *b, double rate_max_per_s, double burst, uint64_t now_ns) {
	*b = (struct budget){
		.rate_max_per_s = rate_max_per_s,
		.rate_per_s = rate_max_per_s,
		.burst = burst,
		.tokens = burst,
		.filled_ns = now_ns,
	};
}

static void fill(struct budget *b, uint64_t now_ns) {
	if (now_ns <= b->filled_ns) {
		return;
	}
	if (b->rate_per_s < b->rate_max_per_s && now_ns >= b->adapted_ns) {
		b->rate_per_s = b->rate_max_per_s;
	}
	double elapsed_s = (double)(now_ns - b->filled_ns) / ns_per_s;
	b->tokens = fmin(b->burst, b->tokens + elapsed_s * b->rate_per_s);
	b->filled_ns = now_ns;
}

void budget_set_rate(struct budget *b, double rate_max_per_s, double burst, uint64_t now_ns) {
	fill(b, now_ns);
	bool is_adapted = b->rate_per_s < b->rate_max_per_s;
	b->rate_max_per_s = rate_max_per_s;
	b->rate_per_s = is_adapted ? fmin(b->rate_per_s, rate_max_per_s) : rate_max_per_s;
	b->burst = burst;
	b->tokens = fmin(b->tokens, burst);
}

bool budget_take(struct budget *b, uint64_t now_ns, uint64_t *ret_when_ns) {
	if (now_ns < b->blocked_ns) {
		*ret_when_ns = b->blocked_ns;
		return false;
	}
	fill(b, now_ns);
	if (b->tokens >= 1) {
		b->tokens -= 1;
		return true;
	}
	*ret_when_ns = now_ns + (uint64_t)ceil((1 - b->tokens) / b->rate_per_s * ns_per_s);
	return false;
}

void budget_block(struct budget *b, uint64_t until_ns) {
	if (until_ns > b->blocked_ns) {
		b->blocked_ns = until_ns;
	}
}

void budget_adapt(struct budget *b, double remaining, double reset_s, uint64_t now_ns) {
	if (!(remaining >= 0) || !(reset_s > 0)) {
		return; /* not said, or nonsense */
	}
	reset_s = fmin(reset_s, RESET_MAX_S);
	uint64_t until_ns = now_ns + (uint64_t)(reset_s * ns_per_s);
	fill(b, now_ns);
	if (remaining < 1) {
		budget_block(b, until_ns);
		return;
	}
	b->rate_per_s = fmin(b->rate_max_per_s, fmax(RATE_MIN_PER_S, remaining / reset_s));
	b->tokens = fmin(b->tokens, remaining);
	b->adapted_ns = until_ns;
}

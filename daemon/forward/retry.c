#include "retry.h"

#include <stdbool.h>

struct pace {
	uint64_t first_ms, longest_ms;
};

/* W&B's own client waits like this, so its servers are built for it. */
static const struct pace busy_pace = {2000, 60 * 1000};
/* Until somebody has mended something: seldom enough to be no burden for days, often enough that nobody
 * needs to restart anything. */
static const struct pace probe_pace = {60 * 1000, 15 * 60 * 1000};

static enum verdict judge_refusal(int status) {
	switch (status) {
	case 400:
	case 409:
	case 422:
		return VERDICT_BAD;
	case 401:
	case 403:
		return VERDICT_KEY;
	case 404:
	case 410:
		return VERDICT_GONE;
	case 413:
		return VERDICT_TOO_LARGE;
	case 501:
		return VERDICT_SLOWLY;
	default:
		return VERDICT_AGAIN;
	}
}

enum verdict retry_judge(enum transport transport, int status) {
	if (transport != TRANSPORT_DONE) {
		return transport == TRANSPORT_TLS ? VERDICT_SLOWLY : VERDICT_AGAIN;
	}
	switch (status / 100) {
	case 2:
		return VERDICT_ACCEPTED;
	case 3:
		return VERDICT_SLOWLY;
	default:
		return judge_refusal(status);
	}
}

uint64_t retry_wait_ms(enum verdict verdict, uint32_t n_failed, double chance) {
	bool probing = verdict == VERDICT_SLOWLY || verdict == VERDICT_KEY;
	const struct pace *pace = probing ? &probe_pace : &busy_pace;
	uint64_t wait_ms = pace->first_ms;

	for (uint32_t i = 1; i < n_failed && wait_ms < pace->longest_ms; i++) {
		wait_ms *= 2;
	}
	if (wait_ms > pace->longest_ms) {
		wait_ms = pace->longest_ms;
	}
	return wait_ms + (uint64_t)((double)wait_ms / 4 * chance);
}

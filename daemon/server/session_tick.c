/* Deadlines of a connection. */
#include "session_private.h"

/* A peer that brings or takes less than a staging buffer in the time allowed, while others wait for the
 * memory it holds. */
static bool stalls(struct progress *p, uint64_t total, uint64_t now_ms, uint64_t allowed_ms) {
	if (total - p->mark >= STAGING_SIZE) {
		progress_begin(p, total, now_ms);
	}
	return now_ms - p->since_ms >= allowed_ms;
}

static bool is_overdue(struct session *s, uint64_t now_ms) {
	const struct server_limits *limits = &s->server->limits;

	if (s->phase == PHASE_ENDING) {
		return now_ms - s->began_ms >= limits->end_ms;
	}
	if (!s->established) {
		return now_ms - s->began_ms >= limits->greeting_ms;
	}
	if (s->in.filling && !list_empty(&s->account->waiting) &&
		stalls(&s->filling, s->received, now_ms, limits->stall_ms)) {
		return true;
	}
	return s->sending_payload &&
	       stalls(&s->sending, session_written(s), now_ms, limits->stall_ms);
}

void session_tick(struct session *s, uint64_t now_ms) {
	if (s->phase == PHASE_CLOSING || s->account == NULL) {
		return;
	}
	if (is_overdue(s, now_ms)) {
		s->server->stats.overdue++;
		session_close(s);
		return;
	}
	/* Nothing came for a whole tick: an idle connection holds no buffer. */
	if (s->received == s->received_at_tick) {
		intake_trim(&s->in);
	}
	s->received_at_tick = s->received;
}

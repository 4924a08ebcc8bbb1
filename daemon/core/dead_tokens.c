#include "dead_tokens.h"

/* Whether the schedule has all rows that there ever were, to the last one: then nobody can have been silent for more. */
static bool has_all_rows(const struct schedule *s, uint64_t known_from) {
	bool is_whole = s->n == 0 ? known_from == 0 : s->segments[0].first == 0;

	for (uint32_t k = 0; k < s->n && known_from > 0;
		k++) { /* it went back, perhaps into the middle of one */
		is_whole = is_whole && !s->segments[k].joined;
	}
	return is_whole;
}

int64_t dead_by_tokens(
	const struct firing *f, const struct schedule *s, uint64_t known_from, uint64_t tokens) {
	struct schedule_silence silence;

	if (!schedule_silent_for(s, tokens, &silence)) {
		return has_all_rows(s, known_from) ? 0 : DEAD_TOKENS_UNKNOWN;
	}
	/* Those of before are taken to have fired right before it: all of them are counted, or it is too early. */
	if (silence.certain + 1 < (int64_t)known_from) {
		return DEAD_TOKENS_UNKNOWN;
	}
	int64_t dead = firing_count_through(f, silence.certain);
	if (silence.possible > silence.certain &&
		firing_count_through(f, silence.possible) != dead) {
		return DEAD_TOKENS_UNKNOWN;
	}
	return dead;
}

/* How many messages of one kind one user may cause, so that none floods the log: what is above it is counted, and said later
 * in one. Pure: time is passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* At once: a large sweep's trainers, each with its ranks, that come back after a restart. Then one a second: far below
 * what the journal takes of a service (10,000 in 30 s), so that nobody's flood costs another's words. */
#define LOG_LIMIT_BURST    100u
#define LOG_LIMIT_EVERY_MS 1000u
#define LOG_LIMIT_SAY_MS   10000u /* what was left out is said that late */
/* Kinds times users that are remembered at once. Where there are more, two of them share one allowance. */
#define LOG_LIMIT_SLOTS 512u

struct log_limit_slot {
	const char *kind; /* NULL: free; of static life */
	uint32_t uid;
	uint32_t left, unsaid;
	uint64_t filled_ms,
		unsaid_ms; /* when `left` was last added to; since when something was left out */
};

struct log_limit {
	struct log_limit_slot slots[LOG_LIMIT_SLOTS];
};

/* Whether this one may be said; if not, it is counted. */
bool log_limit_take(struct log_limit *l, const char *kind, uint32_t uid, uint64_t now_ms);
/* The next of which something was left out LOG_LIMIT_SAY_MS ago; false: none. Counts anew. */
bool log_limit_next_unsaid(struct log_limit *l, uint64_t now_ms, const char **ret_kind,
	uint32_t *ret_uid, uint32_t *ret_count);

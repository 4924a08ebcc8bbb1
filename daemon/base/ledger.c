#include "ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"

/* Users who hold nothing are remembered for their refusals alone: as many as one person may come as through the uids of
 * his containers leave the others' in place. */
#define HOLDERS_REMEMBERED 1024u

/* What runs leave of the host's memory to what is queued. */
#define QUEUED_SHARE 4u

static const struct {
	const char *name, *noun, *host_key;
	bool is_bytes;
} kinds[HOLDING_COUNT] = {
	[HOLDING_CONNECTIONS] = {"connections", "connections", "host_connections", false},
	[HOLDING_RUNS] = {"runs", "runs", NULL, false},
	[HOLDING_KEYS] = {"keys", "W&B keys", NULL, false},
	[HOLDING_MEMORY] = {"memory", "of memory", "host_memory", true},
	[HOLDING_QUEUED] = {"queued", "on its way", "host_memory", true},
	[HOLDING_DATABASE] = {"database", "in the database", NULL, true},
};

const char *holding_name(enum holding what) {
	return kinds[what].name;
}

void ledger_same_for_all(void *user, uint32_t uid, struct holdings *ret) {
	(void)uid;
	*ret = *(const struct holdings *)user;
}

static void allow_all(void *user, uint32_t uid, struct holdings *ret) {
	(void)user;
	(void)uid;
	for (int i = 0; i < HOLDING_COUNT; i++) {
		ret->of[i] = LEDGER_NO_LIMIT;
	}
}

const struct ledger_limits ledger_no_limits = {
	.host_connections = LEDGER_NO_LIMIT,
	.host_memory = LEDGER_NO_LIMIT,
	.of_user = allow_all,
};

void ledger_init(struct ledger *l, const struct ledger_limits *limits) {
	*l = (struct ledger){.limits = *limits};
	list_init(&l->holders);
}

static void forget(struct holder *h) {
	for (int i = 0; i < HOLDING_COUNT; i++) {
		h->ledger->refused.of[i] += h->refused.of[i];
	}
	h->ledger->n_holders--;
	list_remove(&h->link);
	free(h);
}

void ledger_finish(struct ledger *l) {
	list_for_each(link, &l->holders) {
		struct holder *h = container_of(link, struct holder, link);
		assert(h->n_references == 0);
		forget(h);
	}
}

void ledger_reload(struct ledger *l, const struct ledger_limits *limits) {
	l->limits = *limits;
	list_for_each(link, &l->holders) {
		struct holder *h = container_of(link, struct holder, link);
		limits->of_user(limits->user, h->uid, &h->limits);
	}
}

static bool holds_nothing(const struct holder *h) {
	for (int i = 0; i < HOLDING_COUNT; i++) {
		if (h->held.of[i] > 0) {
			return false;
		}
	}
	return true;
}

/* The one of whom nothing was heard for longest. */
static void make_room(struct ledger *l) {
	list_for_each(link, &l->holders) {
		struct holder *h = container_of(link, struct holder, link);
		if (h->n_references == 0 && holds_nothing(h)) {
			forget(h);
			return;
		}
	}
}

struct holder *ledger_holder(struct ledger *l, uint32_t uid) {
	list_for_each(link, &l->holders) {
		struct holder *h = container_of(link, struct holder, link);
		if (h->uid == uid) {
			h->n_references++;
			return h;
		}
	}
	if (l->n_holders >= HOLDERS_REMEMBERED) {
		make_room(l);
	}
	struct holder *h = calloc(1, sizeof *h);
	if (h != NULL) {
		h->ledger = l;
		h->uid = uid;
		h->n_references = 1;
		l->limits.of_user(l->limits.user, uid, &h->limits);
		list_append(&l->holders, &h->link);
		l->n_holders++;
	}
	return h;
}

void holder_release(struct holder *h) {
	if (h != NULL) {
		assert(h->n_references > 0);
		h->n_references--;
	}
}

/* ---- taking and giving ---- */

void ledger_note_name(struct ledger *l, uint32_t uid, const char *name) {
	list_for_each(link, &l->holders) {
		struct holder *h = container_of(link, struct holder, link);
		if (h->uid == uid) {
			(void)snprintf(h->name, sizeof h->name, "%s", name);
		}
	}
}

uint64_t ledger_held(const struct ledger *l, uint32_t uid, enum holding what) {
	list_for_each(link, &l->holders) {
		const struct holder *h = container_of(link, struct holder, link);
		if (h->uid == uid) {
			return h->held.of[what];
		}
	}
	return 0;
}

static uint64_t left(uint64_t limit, uint64_t held) {
	return held < limit ? limit - held : 0;
}

static uint64_t left_of_host(const struct ledger *l, enum holding what) {
	uint64_t memory = l->held.of[HOLDING_MEMORY], queued = l->held.of[HOLDING_QUEUED];
	uint64_t most = l->limits.host_memory;

	switch (what) {
	case HOLDING_CONNECTIONS:
		return left(l->limits.host_connections, l->held.of[what]);
	case HOLDING_MEMORY:
		most -= most / QUEUED_SHARE;
		return left(most, memory) < left(l->limits.host_memory, memory + queued)
			       ? left(most, memory)
			       : left(l->limits.host_memory, memory + queued);
	case HOLDING_QUEUED:
		return left(most, memory + queued) / 2;
	default:
		return LEDGER_NO_LIMIT;
	}
}

enum ledger_answer ledger_ask(const struct holder *h, enum holding what, uint64_t more) {
	if (more > left(h->limits.of[what], h->held.of[what])) {
		return LEDGER_USER_FULL;
	}
	return more > left_of_host(h->ledger, what) ? LEDGER_HOST_FULL : LEDGER_TAKEN;
}

enum ledger_answer ledger_take(struct holder *h, enum holding what, uint64_t more) {
	enum ledger_answer answer = ledger_ask(h, what, more);

	if (answer == LEDGER_TAKEN) {
		ledger_add(h, what, more);
	} else {
		ledger_count_refusal(h, what);
	}
	return answer;
}

void ledger_add(struct holder *h, enum holding what, uint64_t more) {
	h->held.of[what] += more;
	h->ledger->held.of[what] += more;
}

void ledger_give(struct holder *h, enum holding what, uint64_t less) {
	assert(less <= h->held.of[what]);
	h->held.of[what] -= less;
	h->ledger->held.of[what] -= less;
}

void ledger_count_refusal(struct holder *h, enum holding what) {
	h->refused.of[what]++;
}

bool ledger_ever_fits(const struct holder *h, enum holding what, uint64_t amount) {
	uint64_t host = h->ledger->limits.host_memory;

	return amount <= h->limits.of[what] &&
	       (what != HOLDING_MEMORY || amount <= host - host / QUEUED_SHARE);
}

/* ---- in words ---- */

static const char *amount(char out[FORMAT_MAX], enum holding what, uint64_t value) {
	if (kinds[what].is_bytes) {
		return format_bytes(out, (double)value);
	}
	(void)snprintf(out, FORMAT_MAX, "%" PRIu64, value);
	return out;
}

uint64_t ledger_say(const struct holder *h, enum holding what, enum ledger_answer answer,
	char ret_words[LEDGER_WORDS_MAX]) {
	const struct ledger *l = h->ledger;
	bool is_host = answer == LEDGER_HOST_FULL;
	char who[LEDGER_NAME_MAX + 32] = "all users together hold", holds[FORMAT_MAX],
				   may[FORMAT_MAX];
	uint64_t held = is_host ? l->held.of[what] : h->held.of[what];
	uint64_t limit = h->limits.of[what];

	if (is_host && what == HOLDING_CONNECTIONS) {
		limit = l->limits.host_connections;
	} else if (is_host) {
		limit = l->limits.host_memory;
		held = l->held.of[HOLDING_MEMORY] + l->held.of[HOLDING_QUEUED];
	}
	if (!is_host && h->name[0] != '\0') {
		(void)snprintf(who, sizeof who, "user %s holds", h->name);
	} else if (!is_host) {
		(void)snprintf(who, sizeof who, "user %u holds", h->uid);
	}
	(void)snprintf(ret_words, LEDGER_WORDS_MAX,
		"%s %s %s; limit %s = %s ([limits] in sae-metricsd.conf)", who,
		amount(holds, what, held), kinds[what].noun,
		is_host ? kinds[what].host_key : kinds[what].name, amount(may, what, limit));
	return limit;
}

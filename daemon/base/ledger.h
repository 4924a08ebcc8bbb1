/* What each user makes the daemon hold, and how much of it he may: counted where it is taken, given back where it goes.
 *
 * One ledger a daemon, lent to every layer that holds something for a user. The limits are asked for when a user is first
 * seen and after ledger_reload. uid 0 is a user like any other. On the loop's thread alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

enum holding {
	HOLDING_CONNECTIONS = 0,
	HOLDING_RUNS,   /* in memory */
	HOLDING_KEYS,   /* for W&B */
	HOLDING_MEMORY, /* bytes: all that his runs in memory may ever come to take */
	HOLDING_QUEUED, /* bytes on their way: frames being read, rows not committed, answers not read */
	HOLDING_DATABASE, /* bytes: what his runs occupy on disk */
	HOLDING_COUNT
};
/* As its key is called in [limits], and in the report. */
const char *holding_name(enum holding what);

#define LEDGER_NO_LIMIT UINT64_MAX

struct holdings {
	uint64_t of[HOLDING_COUNT];
};

struct ledger_limits {
	uint64_t host_connections; /* of all users together … */
	uint64_t host_memory;      /* … and memory and queued bytes, summed up */
	void (*of_user)(void *user, uint32_t uid, struct holdings *ret);
	void *user;
};

/* An of_user whose `user` is a struct holdings: everybody's limits. */
void ledger_same_for_all(void *user, uint32_t uid, struct holdings *ret);
/* Everything is allowed. */
extern const struct ledger_limits ledger_no_limits;

struct ledger {
	struct ledger_limits limits;
	struct list holders;
	uint32_t n_holders;
	struct holdings held;    /* of all */
	struct holdings refused; /* by users who are not remembered any longer */
};

#define LEDGER_NAME_MAX 63u /* a longer one is cut */

/* A user. */
struct holder {
	struct list link; /* ledger.holders */
	struct ledger *ledger;
	uint32_t uid;
	uint32_t n_references;
	char name[LEDGER_NAME_MAX + 1]; /* "": not known */
	struct holdings limits, held;
	struct holdings refused; /* how often he was told no, or to wait */
};

void ledger_init(struct ledger *l, const struct ledger_limits *limits);
void ledger_finish(struct ledger *l);
/* Other limits from now on. What is held above them stays; more is not taken. */
void ledger_reload(struct ledger *l, const struct ledger_limits *limits);

/* Found or made, and referred to until it is released; NULL when memory is short. */
struct holder *ledger_holder(struct ledger *l, uint32_t uid);
/* Does nothing to NULL. */
void holder_release(struct holder *h);

enum ledger_answer { LEDGER_TAKEN = 0, LEDGER_USER_FULL, LEDGER_HOST_FULL };

/* Whether so much more may be held. Runs leave a quarter of the host's memory to what is queued; and of what is left of
 * it nobody is given more than half at a time, so that one who fills it leaves something for the next. */
enum ledger_answer ledger_ask(const struct holder *h, enum holding what, uint64_t more);
/* The same, and it is held from now on; or that it was refused is counted. */
enum ledger_answer ledger_take(struct holder *h, enum holding what, uint64_t more);
/* It is there already, whatever the limit says. */
void ledger_add(struct holder *h, enum holding what, uint64_t more);
void ledger_give(struct holder *h, enum holding what, uint64_t less);
void ledger_count_refusal(struct holder *h, enum holding what);
/* Whether it could be taken if he, and the others, held nothing else. */
bool ledger_ever_fits(const struct holder *h, enum holding what, uint64_t amount);

/* What he is called, for the words. Forgotten with him. */
void ledger_note_name(struct ledger *l, uint32_t uid, const char *name);
/* 0 of a user who is not known. */
uint64_t ledger_held(const struct ledger *l, uint32_t uid, enum holding what);

#define LEDGER_WORDS_MAX 192u

/* Which limit it was, its value and where it is set: "user 1000 holds 512 runs; limit runs = 512 ([limits] in
 * sae-metricsd.conf)". Returns *ret_limit. */
uint64_t ledger_say(const struct holder *h, enum holding what, enum ledger_answer answer,
	char ret_words[LEDGER_WORDS_MAX]);

/* W&B, for all runs of the host: who may send next, with which key, and what is said when it fails.
 *
 * One courier a run decides what is wanted; this performs it: visits through its owner's callback, requests through
 * http. One budget of requests for all, a bounded number under way, in turns. Lives on the loop. */
#pragma once

#include <uv.h>

#include "courier.h"
#include "introduction.h"
#include "ledger.h"

#define FORWARD_IN_FLIGHT_MAX 8u /* requests: each may hold a batch of 8 MiB */

struct forward;

struct forward_options { /* texts are borrowed for the forwarder's life */
	const char *base_url, *app_url;
	struct introduction introduction;
	const char *key;        /* the host's; NULL: none */
	const char *key_source; /* in words, for people */
	struct http_options http;
	struct ledger *ledger; /* to whose users keys are charged; NULL: to nobody */
	struct courier_policy policy;
	uint32_t request_timeout_ms;
	double requests_per_s;
};

struct forward_callbacks {
	/* Takes the visit to the database, and gives it back to forward_visited. 0, or below 0: not taken. */
	int (*visit)(void *user, struct forward_visit *visit);
	/* Somebody pressed Stop in W&B. */
	void (*on_stop)(void *user, const char *run_id);
	/* A run needs nothing more, or new (idle or not): for whoever waits for the end. May be NULL. */
	void (*on_progress)(void *user);
};

/* 0, -ENOMEM or what http_open said; below 0 with words. */
int forward_open(uv_loop_t *loop, const struct forward_options *options,
	const struct forward_callbacks *callbacks, void *user, struct forward **ret,
	char ret_words[256]);
/* Gives up what is under way: it is all in the database. */
void forward_close(struct forward *f, void (*on_closed)(void *user), void *user);

struct forward_pace {
	uint32_t transmit_ms, heartbeat_ms, request_timeout_ms;
	double requests_per_s;
};
/* From now on; a request under way keeps its time. */
void forward_set_pace(struct forward *f, const struct forward_pace *pace);

/* A run that has, or may have, something for W&B. Twice is once. */
void forward_add(struct forward *f, const char *run_id);
/* As courier_note; adds it. */
void forward_note(
	struct forward *f, const char *run_id, int64_t lines, bool ended, bool about_changed);
/* Somebody changed what it is called: W&B is told if it is still told anything of the run. */
void forward_retell(struct forward *f, const char *run_id);
/* Nothing more of it is sent: it is about to be removed. A request under way is not waited for. */
void forward_drop(struct forward *f, const char *run_id);
void forward_visited(struct forward *f, struct forward_visit *visit, int status);
/* The database may not be what was thought: each run is looked at anew. Keys are kept. */
void forward_doubt_all(struct forward *f);

const char *forward_base_url(const struct forward *f);
#define FORWARD_SERVER_MAX 128u
/* Whether a key for the W&B at `base_url` (len 0: for whichever this daemon's is) may be sent to this one. ret_server is what
 * may be said of it: an address may hold a password, too. */
bool forward_is_to(
	const struct forward *f, struct text base_url, char ret_server[FORWARD_SERVER_MAX]);
/* The run's user handed over a key of his own: it is kept in memory alone and used for that run, until W&B has it to its
 * end. goes_on: the run has just been opened, and the commit that says so is still to come. false: it is not kept, for `uid` has
 * as many as he may, or memory is short: the run waits for one of its own, and never goes with the host's. */
bool forward_give_key(
	struct forward *f, const char *run_id, uint32_t uid, struct text key, bool goes_on);
enum forward_offer {
	FORWARD_KEY_TAKEN,
	FORWARD_KEY_NOT_NEEDED,
	FORWARD_KEY_NOT_KEPT, /* its user has as many as he may, or memory is short */
	FORWARD_KEY_KEPT      /* until the database has said whether the run needs one */
};
/* A key for a run that has none, or whose key is refused: for any other it is dropped, so that nothing is sent to another
 * account than before. `uid` is the run's user, who is charged. Before the run is resumed: that forgets what was refused. */
enum forward_offer forward_offer_key(
	struct forward *f, const char *run_id, uint32_t uid, struct text key);
/* It has one, and that is not the host's. */
bool forward_has_own_key(const struct forward *f, const char *run_id);
/* Somebody asks for it to go on at once; false: there is nothing of it to forward. */
bool forward_resume(struct forward *f, const char *run_id, bool take_over);

/* The same for all of a user's runs, each offered a key of his (or none: len 0). Returns how many there are; of these,
 * *ret_given took the key. */
uint32_t forward_resume_all(struct forward *f, uint32_t uid, struct text key, uint32_t *ret_given);

/* What W&B says to it is still to come: it has just begun, or was just resumed. */
bool forward_is_unanswered(const struct forward *f, const char *run_id);

enum forward_state {
	FORWARD_OK,     /* W&B has everything but the newest */
	FORWARD_BEHIND, /* lines wait, and are on their way */
	FORWARD_WAITING,
	FORWARD_REFUSED,
	FORWARD_SYNCED /* it has ended, or its trainer has crashed, and W&B has everything */
};
const char *forward_state_name(enum forward_state state);

struct forward_view {
	enum forward_state state;
	/* What keeps it is its own, while others may get through: it is parked, has no key, or is not taken. */
	bool own, parked;
	int64_t pending, accepted;
	double lag_s;                  /* age of the oldest line that waits; 0: none */
	char words[FORWARD_WORDS_MAX]; /* "" or what it waits for, or why W&B refused */
	double retry_in_s;             /* < 0: nothing is planned */
	const char *url;               /* borrowed until the next call; NULL: not known yet */
};
/* False: not forwarded, or done. */
bool forward_look(
	const struct forward *f, const char *run_id, double now_s, struct forward_view *ret);

struct forward_sum {
	uint64_t outages; /* that the log has, since the start */
	uint32_t runs,
		held; /* that W&B does not have to their end; of these, kept by what is their own */
	int64_t pending, held_pending; /* lines of all; of these, of those that are held */
	struct forward_view
		worst; /* of those not held: state, its words, the soonest retry, the greatest lag */
};
/* Of all runs, or (uid not NULL) of that user's. */
void forward_look_all(
	const struct forward *f, double now_s, const uint32_t *uid, struct forward_sum *ret);
/* Answers W&B has given that moved something: for whoever waits. */
uint64_t forward_progress(const struct forward *f);
/* Runs that still have something to send, and could (not parked, not without a key). */
uint32_t forward_busy(const struct forward *f);

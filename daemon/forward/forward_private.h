/* Inside of the forwarder: for forward*.c alone. */
#pragma once

#include "budget.h"
#include "closing.h"
#include "forward.h"
#include "list.h"

#define FORWARD_CONNECT_TIMEOUT_MS  20000u
#define FORWARD_QUESTION_TIMEOUT_MS 30000u /* of what is small, as in W&B's own client */

#define FORWARD_BUCKETS 256u
#define NS_PER_MS       1000000ull

/* A run that is forwarded. */
struct forwarded {
	struct list link;             /* forward.runs */
	struct forwarded *next_by_id; /* forward.by_id */
	struct forward *forward;
	struct courier courier;
	struct holder *key_holder; /* who is charged for the key; NULL: nobody */
	char *key;                 /* its user's own, wiped; NULL: the host's */
	char *offered;             /* a key for if it needs one, wiped; NULL: none */
	bool on_trial; /* its key was offered in place of the host's, and W&B has not taken it yet */
	bool key_not_kept;           /* its user's own was one too many: it waits for one */
	uint32_t key_notes;          /* commits to come, with which the run shows why it got one */
	struct forward_visit *visit; /* under way; compared, never followed */
	bool fetching;               /* it brings lines */
	struct http_call *call;
	enum courier_want asked;
	struct buf body, url; /* of the call */
	bool refusal_said;    /* it is parked, or its own key refused */
	bool trouble_said;    /* others get through, it does not */
	bool no_key_said;
	uint64_t n_accepted_before; /* forward.n_accepted when its tries began to fail */
};

struct forward {
	uv_loop_t *loop;
	struct forward_options options;
	struct forward_callbacks callbacks;
	void *user;
	struct http *http;
	struct budget budget;
	struct list runs; /* who waits longest first */
	struct forwarded *by_id[FORWARD_BUCKETS];
	uint64_t n_accepted, dice;
	uint32_t visits, in_flight, n_loaded;
	bool broken; /* nobody gets through: one request at a time finds out when that ends */
	double broken_since;
	uint32_t n_broken; /* tries since then */
	uint64_t outages;  /* that were said, since the start */
	bool key_refused;  /* the host's, and that has been said */
	uv_timer_t due;
	bool closing;
	struct closing all_closed;
	void (*on_closed)(void *user);
	void *on_closed_user;
};

/* ---- forward.c ---- */

struct forwarded *forward_find(const struct forward *f, const char *run_id);
/* Found or made; NULL when memory is short. */
struct forwarded *forward_run(struct forward *f, const char *run_id);
/* It is off the list already. */
void forward_forget(struct forwarded *run);

/* ---- forward_turns.c ---- */

/* Once, when this turn of the loop has said all it has to say. */
void forward_pump_soon(struct forward *f);

/* ---- forward_requests.c: false when it could not be begun ---- */

bool forward_start_visit(struct forwarded *run, bool may_fetch, uint64_t now_ns);
bool forward_start_request(struct forwarded *run, enum courier_want want, uint64_t now_ns);

/* ---- forward_keys.c ---- */

/* Its key, or the host's: NULL while it is to be sent with its user's own and that is not here. */
const char *forward_key(const struct forwarded *run);
/* From now on W&B is told of it with its own key alone, also when that is gone: the host's may be another account's. */
void forward_note_own_key(struct forwarded *run);
/* His key is forgotten, and no longer charged. */
void forward_drop_key(struct forwarded *run);
/* It is known by now whether the run needs the key it was offered. */
void forward_settle_offer(struct forwarded *run);
/* W&B has answered to a key on trial: it is the run's own from now on, or forgotten. */
void forward_judge_key(struct forwarded *run, bool good);

/* ---- forward_look.c ---- */

enum forward_news {
	FORWARD_VISITED,  /* the database */
	FORWARD_LISTENED, /* W&B answered, if only with a no for good */
	FORWARD_FAILED    /* its request is to be tried again */
};
/* Says, once, what begins to fail and what works again. */
void trouble_look(struct forward *f, struct forwarded *run, enum forward_news news);

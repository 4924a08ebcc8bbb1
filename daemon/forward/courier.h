/* One run on its way to W&B: what is to be done next, and what an answer means. It performs nothing and reads no clock:
 * who owns it visits the database and sends the requests it wants, one at a time, and tells it how they ended.
 *
 *   visit    what the database has of the run
 *   upsert   W&B gets to know the run                       (again when the run says something new of itself)
 *   status   how far W&B is                                 (before the first line: the base; later: is it still ours?)
 *   stream   lines, the summary, heartbeats, the end
 *
 * Lines are dropped from memory whenever they were not accepted: an outage costs disk alone. */
#pragma once

#include "forwarding.h"
#include "http.h"
#include "reply.h"

struct courier_policy {
	uint64_t transmit_ms;  /* between two requests with lines, unless there are many */
	uint64_t heartbeat_ms; /* silence after which W&B would take the run for dead, with room */
	uint64_t debounce_ms;  /* between two upserts */
	uint64_t settle_ms;    /* W&B's counts lag; two reads so far apart must agree */
	size_t batch_max;      /* bytes of lines in a request */
	bool once; /* what is there goes at once; then it is done, whether the run has ended or not */
};
extern const struct courier_policy courier_default_policy;

enum courier_want {
	COURIER_NOTHING, /* until the time named, or news */
	COURIER_VISIT,   /* the database */
	COURIER_FETCH,   /* a visit that brings lines, which take room until they are sent */
	COURIER_UPSERT,
	COURIER_STATUS,
	COURIER_STREAM
};

/* What keeps it, for people. */
enum courier_state {
	COURIER_WELL,
	COURIER_WAITING, /* for W&B, for a key: words and until say what */
	COURIER_REFUSED  /* W&B said no: words */
};

struct courier {
	char run_id[RUN_ID_MAX + 1];
	const struct courier_policy *policy;
	bool busy;    /* what it wanted is under way */
	bool has_key; /* for its owner to say */

	/* What the database has, as last seen. */
	bool known, gone; /* gone: nothing is to be forwarded */
	struct forward_cursor cursor;
	int64_t lines;
	bool ended, silent;
	int32_t exit_code;
	uint32_t uid;
	double oldest_time;
	struct forward_about about;
	bool has_about;
	char *summary;
	uint32_t summary_hash, summary_sent, summary_refused; /* 0: none */
	int64_t n_lines;    /* at hand: from cursor.accepted on … */
	struct buf content; /* … in a body that has begun; it is its owner's once it is sent */
	int64_t number;     /* at W&B, of the first: it stands before them, in head_len bytes */
	size_t head_len, lines_len;
	struct forward_line last;

	/* What the next visit is for. */
	bool news;       /* there is more than was seen */
	bool about_news; /* it says something new of itself … */
	bool telling;    /* … which is on its way to W&B */
	enum forward_save save;
	int64_t server_lines, server_step;
	int64_t refuse;
	int refuse_status;
	char refuse_words[FORWARD_SAID_MAX];
	char event[FORWARD_EVENT_MAX];
	int64_t look_at;
	struct forward_line expected; /* what W&B says is there */

	/* The conversation. */
	bool introduced, checked;
	uint64_t checked_ns; /* its place was found right, and nothing was sent since; 0: it was */
	uint64_t differs_since_ns;     /* W&B's newest line is not ours of that number; 0: it is */
	bool has_read;                 /* of two reads, the first */
	uint32_t n_changes;            /* reads that were not as the one before */
	int64_t read_lines, read_step; /* what it said */
	uint64_t read_since_ns;        /* since when it says so */
	uint64_t read_at_ns;
	uint64_t upsert_ns, sent_ns, looked_ns; /* the last of each; 0: none yet */
	uint64_t heard_ns;                      /* W&B's last good answer */
	bool catching_up;                       /* there was more than fitted */
	bool lean; /* lines alone: what else was in the request may have been at fault */
	bool asks_summary, asks_complete;
	size_t bytes_max;
	int64_t lines_max, stand_in;
	bool probing,
		empty_taken; /* is it the line or the summary, or would nothing be taken at all? */
	bool without_config; /* W&B did not take it */
	bool doubted;        /* W&B said 404 once: it is introduced again before that is believed */
	bool stop_wanted;
	bool retry_wanted, resume_wanted, take_over_wanted; /* once it is known how it stands */

	enum courier_state state;
	bool host_trouble; /* its trouble is W&B's or the network's, not the run's own */
	char words[FORWARD_WORDS_MAX];
	uint32_t n_failed;
	enum courier_want failing; /* what it was that failed */
	bool told_to_wait;         /* not_before is W&B's own word */
	bool woken;                /* since it last got through */
	uint64_t not_before_ns;
};

void courier_init(struct courier *c, const char *run_id, const struct courier_policy *policy);
void courier_finish(struct courier *c);

/* The database has so many lines for it by now. */
void courier_note(struct courier *c, int64_t lines, bool ended, bool about_changed);
/* Its user's own key is to be the only one it is sent with. */
void courier_keep_own_key(struct courier *c);
/* What it knows of the database may not be true any more. */
void courier_doubt(struct courier *c);
/* Whatever it waits for may have come: tried at once. */
void courier_retry(struct courier *c);
/* Somebody wants it to go on, parked or not. take_over: behind whatever W&B has. */
void courier_resume(struct courier *c, bool take_over);
/* The trouble others had is over. Tried at once, and if that fails again when its own time has come: the trouble may be
 * this run's alone. */
void courier_wake(struct courier *c);

/* What it wants. COURIER_NOTHING: not before *ret_when_ns (UINT64_MAX: not until something happens). */
enum courier_want courier_next(const struct courier *c, uint64_t now_ns, uint64_t *ret_when_ns);
/* It has everything W&B is to have of it, and said so to the database: it can be forgotten. */
bool courier_done(const struct courier *c);

/* NULL when memory is short (nothing has changed). It is busy from here to courier_visited. */
struct forward_visit *courier_visit(struct courier *c, bool may_fetch, uint64_t now_ns);
/* Takes what the visit brought; the visit stays the caller's. */
void courier_visited(struct courier *c, struct forward_visit *v, int status, uint64_t now_ns);

/* The body of what is to be streamed, into `out`, which was empty. 0 or -ENOMEM. It is busy from here on. */
int courier_stream(struct courier *c, struct buf *out);
/* It was not possible to send (memory): tried again soon. */
void courier_not_sent(struct courier *c, uint64_t now_ns);
/* What it says of itself cannot be written: parked. */
void courier_unsendable(struct courier *c);

/* An answer to what it wanted: false when it failed, and is to be tried again. chance in [0, 1) spreads the next try. */
bool courier_answered(struct courier *c, enum courier_want asked,
	const struct http_response *response, uint64_t now_ns, double now_s, double chance);

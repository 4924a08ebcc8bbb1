/* One run's connection to the daemon, and everything that is said over it. A state machine that
 * never blocks: the sender polls for what link_prepare asks and calls link_run. Belongs to the
 * sender's thread; takes the stream's lock where it reads or writes what is shared, and holds
 * it during no system call.
 *
 *	AWAY ──connect──► GREETING ──WELCOME──► OPENING ──OPENED──► STREAMING
 *	 ▲                    │                    │                    │
 *	 └────────────────────┴── any trouble ─────┴────────────────────┤
 *	                                            refused, delivered, given up ──► OVER */
#pragma once

#include "descriptor.h"
#include "opening.h"
#include "stream.h"

enum link_phase {
	LINK_AWAY = 0, /* tries again at retry_at_ms */
	LINK_GREETING,
	LINK_OPENING,
	LINK_STREAMING,
	LINK_OVER /* for good */
};

/* A message of ours that is no part of the stream, on its way out. */
struct outgoing {
	uint8_t *bytes; /* NULL: none */
	size_t len, done;
};

#define LINK_BACKOFF_MIN_MS 50u /* doubled up to 5 s, until something is acked */

/* Where a daemon may listen; the first that answers. */
#define LINK_PATHS_MAX 3u /* places.h */
struct link_paths {
	const char *path[LINK_PATHS_MAX]; /* NULL: no more */
};

struct link {
	struct link *next;               /* sender.links */
	void (*on_gone)(struct link *l); /* the sender has let go of it */

	struct stream *stream;
	struct opening *opening; /* the db_id that acked last is kept in it */
	struct link_paths paths;

	enum link_phase phase;
	bool released; /* its handle is gone: the sender may let go */
	struct descriptor socket;
	const char *path; /* the one it is, or was last, connected to */
	uint64_t retry_at_ms, opened_at_ms;
	uint32_t backoff_ms;
	uint64_t random;                           /* for jitter */
	bool told_start, told_absence, told_delay; /* on stderr, once each */

	bool blocked; /* the socket is full */
	struct outgoing outgoing;
	uint8_t small[64];      /* for outgoing: FLUSH, SNAPSHOT */
	uint64_t flush_sent;    /* on this connection: through which seq; 0: none */
	uint64_t snapshot_sent; /* on this connection: which token */

	uint8_t *in; /* what was read and is no whole frame yet */
	size_t in_len, in_size;
	uint8_t db_id[DB_ID_SIZE]; /* of the daemon connected to */
};

void link_init(struct link *l, struct stream *s, struct opening *o, const struct link_paths *paths);
void link_finish(struct link *l);

/* What to poll the socket for (0 when there is none), and until when at most (UINT64_MAX: for
 * ever). From here on a message that is pushed wakes the sender, if it is one the link waits
 * for. */
short link_prepare(struct link *l, uint64_t *ret_deadline_ms);

/* Does what can be done now. */
void link_run(struct link *l, short revents, uint64_t now_ms);

/* ---- between link.c, traffic.c and answers.c ---- */

#define LINK_IN_SIZE_MIN 4096u /* every answer but a STATE, as a rule */

bool link_is_connected(const struct link *l);
void link_read(struct link *l);
void link_write(struct link *l);

/* Under the stream's lock. Through which seq a FLUSH is due, for whoever waits, once all that he
 * waits for is sent, or because room is getting short; 0: none is. */
uint64_t link_flush_due(const struct link *l);
bool link_snapshot_due(const struct link *l);

/* Handles one message of the daemon. */
void link_answer(struct link *l, const struct message *m);

/* Gives the connection up and tries again after a while, at least min_delay_ms. `why` is for
 * saem_stats. */
void link_lose(struct link *l, uint32_t min_delay_ms, const char *why);

/* Gives it up for good. */
void link_end(struct link *l);

/* Sends an opening's frame, or one in `small`, as soon as it can be; and is done with it. */
void link_send(struct link *l, uint8_t *bytes, size_t len);
void link_sent(struct link *l);

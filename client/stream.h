/* The stream of a run: what the threads that log and the one that sends share, under one lock.
 *
 * A log call enters, makes room, commits, leaves. Whoever waits (for room, an ack, a state)
 * waits for `changed` with a deadline. The link (link.h) reads what is asked of it and writes
 * what it learns; neither side holds the lock during a system call that could take its time. */
#pragma once

#include <pthread.h>

#include "outbox.h"
#include "sae_metrics.h"

#define STREAM_WORDS_SIZE 256u

/* A state that somebody waits for. One at a time: others wait for their turn. */
struct snapshot {
	uint64_t token; /* of the latest; 0: none was asked for yet */
	uint64_t through_seq;
	bool wanted;
	uint32_t code;     /* of the answer */
	uint8_t *keepsake; /* its state, wrapped; NULL: none */
	size_t len;
	int64_t step;
};

struct stream {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* on the monotonic clock */
	void (*wake)(void);     /* the sender; called without the lock */

	struct outbox outbox;
	struct place at; /* its lap, and the latest STEP or RESTORE in it, sent or dropped … */
	bool begun;      /* … there was one */
	bool logged;     /* a LOG is of that lap */
	enum saem_when_full when_full;
	uint32_t when_full_wait_ms;

	/* asked of the link */
	uint64_t flush_through; /* the latest seq that somebody waits to have on disk */
	struct snapshot snapshot;
	bool hurry;   /* somebody waits: try to connect at once */
	bool closing; /* the handle is gone */

	/* told by it */
	bool starving;       /* all is sent: what comes next has to wake the sender */
	bool connected, met; /* to a daemon, now; ever */
	bool refused;
	uint32_t absences; /* how often nobody was there to connect to */
	uint64_t n_refused, bytes_sent, connects;
	int64_t last_step;
	uint32_t attempt;
	bool resumed, stop;
	char stop_reason[STREAM_WORDS_SIZE];
	char words[STREAM_WORDS_SIZE]; /* the last trouble */
	bool words_pass;               /* it is a connection's: the next may replace it */
};

/* -ENOMEM. */
int stream_init(struct stream *s, size_t outbox_bytes, size_t frame_max, void (*wake)(void));
void stream_finish(struct stream *s);

/* ---- a log call ---- */

/* Takes the lock; or SAEM_INERT or SAEM_REFUSED, and does not. */
int stream_enter(struct stream *s);

/* Room as outbox_reserve gives it, made by the run's policy. NULL: there is none. It may wait, and gives
 * the lock up meanwhile. */
uint8_t *stream_make_room(struct stream *s, size_t header_max, size_t payload_max);

/* The message for which there was no room; `step`: of a STEP. Returns what the call has to say. */
int stream_drop(struct stream *s, const uint32_t *step);

/* The place of a STEP said next: one that goes back begins a lap. Or of a RESTORE: it begins one unless
 * it is the first to have a place. */
struct place stream_place_of_step(const struct stream *s, uint32_t step);
struct place stream_place_of_state(const struct stream *s, uint32_t step);
/* It was said, and sent or dropped. */
void stream_move(struct stream *s, struct place place);

/* The lap of a LOG said now. */
uint32_t stream_lap_of_log(struct stream *s);
/* What is said next begins a lap, whatever its step; unless nothing was said in the one there is. */
void stream_begin_lap(struct stream *s);

/* Gives the lock back, and wakes the sender if it has to know. SAEM_QUEUED may become SAEM_AWAY. */
int stream_leave(struct stream *s, int result);

/* ---- a call that waits ---- */

/* Until everything up to seq is on disk: SAEM_QUEUED; else SAEM_TIMEOUT, SAEM_REFUSED,
 * SAEM_INERT, or SAEM_AWAY at once when no daemon was ever met and there is none now. */
int stream_await_ack(struct stream *s, uint64_t seq, uint64_t deadline_ms);

/* As above; SAEM_QUEUED and the keepsake, which is the caller's. */
int stream_await_state(struct stream *s, uint64_t deadline_ms, struct snapshot *ret);

/* ---- anybody, with the lock held ---- */

/* Notes a trouble in words: one that stands, or one of a connection, which never hides one that
 * stands. */
void stream_say(struct stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void stream_say_in_passing(struct stream *s, const char *words);
void stream_forget_passing(struct stream *s);

/* The run goes on as if there were no daemon, and keeps nothing. */
void stream_refuse(struct stream *s);

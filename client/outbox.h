/* The outbox: what a stream has said and the daemon does not yet have on disk, in the order it
 * was said.
 *
 * Every message of the stream takes the next seq, whether there was room for it or not. Each
 * seq that is not acked is either held here as a frame, byte for byte, or lies in a *gap*: a
 * run of adjacent dropped seqs, which is sent as one DROPPED. A gap needs no memory of its own:
 * each frame carries what was dropped right behind it. So a drop can always be noted, and
 * adjacent ones are one by construction.
 *
 * The *cursor* says what the daemon was given: everything up to `sent`, and of the item after
 * it some bytes. What outbox_gather hands out stays where it is until outbox_wrote says how
 * much of it was written, even while others push, ack and drop.
 *
 * Pure: no locks, no sockets, no clock. Whoever shares one between threads locks around each
 * call. */
#pragma once

#include <sys/uio.h>

#include "chunks.h"
#include "lost.h"
#include "message.h"

#define OUTBOX_SMALL_MAX 128u  /* the whole frame of a DROPPED */
#define OUTBOX_END_MAX   1024u /* the whole frame of a FINISH: its words are at most half of it */

/* What is on its way to the socket: a frame, or a DROPPED for the gap at the cursor. */
struct item {
	const uint8_t *bytes; /* NULL: none begun */
	size_t len, done;
	uint64_t seq_last;
	bool is_gap;
};

struct entry;

struct outbox {
	struct chunks chunks;
	struct entry *ending; /* the FINISH: allocated at init, so there is always room to end */
	bool ended;

	/* held: the seqs above `acked` and below `next_seq` */
	uint64_t next_seq, acked;
	struct entry *head, *tail;
	struct lost lost_at_head; /* in the gap before head */

	/* the cursor */
	uint64_t sent;
	struct entry *sent_entry; /* the last one held with a seq up to sent; NULL: none */
	struct item item;
	uint64_t pinned; /* frames above sent and up to this are in somebody's hands */
	uint8_t dropped_frame[OUTBOX_SMALL_MAX];

	uint64_t n_frames, n_bytes; /* held */
	uint64_t n_dropped;         /* seqs, ever */
	uint8_t *reserved;
};

/* The least an outbox may be given when frames of frame_max bytes are common. */
size_t outbox_bytes_min(size_t frame_max);

/* -ENOMEM. bytes_max is at least outbox_bytes_min(frame_max). */
int outbox_init(struct outbox *o, size_t bytes_max, size_t frame_max);
void outbox_finish(struct outbox *o);

/* ---- saying ---- */

/* Whether such a frame could be held at all, were everything else gone. */
bool outbox_could_hold(const struct outbox *o, size_t header_max, size_t payload_max);

/* Makes room for a frame of at most that many bytes. Returns where its payload goes, aligned;
 * NULL: no room now. It need not be committed, and lasts until the next reservation. */
uint8_t *outbox_reserve(struct outbox *o, size_t header_max, size_t payload_max);

/* The frame reserved, its payload written, takes the next seq. `place`: of a STEP, else NULL. */
void outbox_commit(struct outbox *o, const uint8_t *header, size_t header_len, size_t payload_len,
	const struct place *place);

/* The next seq goes to a message that is dropped; place as above. */
void outbox_drop_newest(struct outbox *o, const struct place *place);

/* Drops the oldest frame that may be: sent or not, but in nobody's hands. False: there is none. */
bool outbox_drop_oldest(struct outbox *o);

/* Drops all of it and gives the memory back. Nothing may be in anybody's hands. */
void outbox_forget(struct outbox *o);

/* The stream's last message, a whole frame of at most OUTBOX_END_MAX bytes. */
void outbox_end(struct outbox *o, const uint8_t *frame, size_t len);

/* ---- sending ---- */

bool outbox_has_unsent(const struct outbox *o);

/* Points iov at what comes next, about bytes_max of it. Returns how many of them it filled. */
size_t outbox_gather(struct outbox *o, struct iovec *iov, size_t iov_max, size_t bytes_max);

/* The first n bytes of what was gathered are written; the rest is in nobody's hands any more. */
void outbox_wrote(struct outbox *o, size_t n);

/* Whether the item at the cursor is written in part, so that nothing else may be now. */
bool outbox_amid(const struct outbox *o);

/* The connection is gone, and what was on its way with it. Rewind before you gather again. */
void outbox_interrupt(struct outbox *o);

/* The daemon wants `wanted` next: acked < wanted <= next_seq. */
void outbox_rewind(struct outbox *o, uint64_t wanted);

/* Everything up to seq is on disk there and freed here: acked <= seq <= sent. */
void outbox_ack(struct outbox *o, uint64_t seq);

/* ---- asking ---- */

/* Half of the room is taken, and part of what takes it was sent: time to ask for a commit. */
bool outbox_pressed(const struct outbox *o);

/* What is held, a FINISH apart, told as if all of it had been dropped; count 0: nothing. */
void outbox_remainder(const struct outbox *o, struct msg_dropped *ret);

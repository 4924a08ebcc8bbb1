/* A whole daemon but for its disk and its clock, and connections to it: what fuzz_session plays with.
 *
 * The server, its sessions, the engine and the core are the real ones on a real loop and real sockets; a disk that
 * outlives them is fake_store.h. Every answer is read as a client would, and held against what was sent before
 * and what is committed. */
#pragma once

#include "buf.h"
#include "engine.h"
#include "list.h"
#include "message.h"

#define TALKS_MAX 16u /* a connection is what costs most */

/* One connection, from the trainer's side. */
struct talk {
	int fd; /* -1: hung up */
	struct world *world;
	struct session *session; /* the daemon's end; NULL: closed */
	struct buf in;
	bool is_deaf;
	bool is_welcome, is_refused, is_over; /* is_over: the daemon closed */
	uint32_t version_max;                 /* of its HELLO */
	enum peer_role role;
	bool has_stream; /* of an OPEN that was taken: */
	uint8_t stream[STREAM_ID_SIZE];
	uint32_t d_sae, n_scalars;
	bool is_opened;     /* and answered */
	uint64_t acked;     /* as it knows */
	uint64_t next_seq;  /* behind what it sent, or was told is wanted */
	uint32_t next_step; /* behind the newest STEP said … */
	uint32_t lap;       /* … and its lap */
};

/* What was ever offered of a stream. */
struct sent_stream {
	struct list link; /* world.sent */
	uint8_t id[STREAM_ID_SIZE];
	uint64_t through;
	uint32_t lap; /* of the newest STEP */
};

struct world {
	uv_loop_t loop;
	struct engine *engine;
	struct ledger ledger;
	struct server *server;
	struct talk talks[TALKS_MAX];
	uint32_t n_talks;
	struct list sent;
	uint8_t *state; /* the newest STATE that came */
	size_t state_len;
	uint32_t state_step;
	bool has_ended, has_closed;
};

void world_begin(struct world *w);
void world_finish(struct world *w);
/* Some turns of the loop; the answers are read, and everything is checked. */
void world_turn(struct world *w);
/* The daemon ends, as it should or by a kill, and another one starts on the same disk. */
void world_restart(struct world *w, bool is_killed);

/* In the folder beside the socket, for the starts to come. */
void world_leave_note(struct world *w, const uint8_t *data, size_t len);

/* A new connection; NULL when there were too many. */
struct talk *talk_begin(struct world *w);
void talk_hang_up(struct talk *t);
/* What does not go into the socket is lost, and the connection with it. */
void talk_send(struct talk *t, const uint8_t *data, size_t len);

/* Bytes of the input, one after the other; 0 when they are used up. */
struct tape {
	const uint8_t *data;
	size_t len;
};
uint8_t tape_next(struct tape *tape);

/* Says what the tape says: session_say.c. */
void talk_say(struct talk *t, struct tape *tape);

/* core_checks.c: seqs in order, charges that add up. */
void core_check(struct registry *r, uint32_t uid);

/* The whole road in one process: a real engine on a real database, raw peers at the other end of it. Clocks are the
 * real ones, but nothing waits for them: the loop turns until what is waited for has happened. */
#pragma once

#include <sqlite3.h>

#include "engine.h"
#include "peer.h"

struct flow {
	uv_loop_t loop;
	struct engine *engine;
	struct server *server;
	struct holdings limits; /* everybody's */
	struct ledger ledger;
	struct engine_options options;
	char directory[64], database[96], socket[96];
	sqlite3 *reader; /* a connection of the test's own */
	bool closed;
};

/* In a new directory. Options may be changed before flow_start. */
void flow_init(struct flow *f);
void flow_start(struct flow *f);
/* As at SIGTERM: the last commit and its acks, then nothing is left on the loop. */
void flow_stop(struct flow *f);
/* Stops what runs and removes the directory. */
void flow_finish(struct flow *f);
void flow_turn(struct flow *f);

/* cmocka's: a flow that is started, and its end. */
int flow_setup(void **state);
int flow_teardown(void **state);

/* What the database says, seen by another connection: a number, or -1 for NULL or no row. */
int64_t flow_ask(struct flow *f, const char *sql, ...) __attribute__((format(printf, 2, 3)));
/* Turns the loop until it is this. */
void flow_until(struct flow *f, int64_t value, const char *sql, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- a trainer ---- */

#define FLOW_D_SAE 16u

struct trainer {
	struct peer peer;
	struct flow *flow;
	struct msg_open open;
	struct msg_opened opened; /* as answered; its name is not kept */
	uint64_t seq, acked;
	uint32_t step;
};

/* One of `world_size` ranks of run `run`; the launch is "first". F is 2, W is 5, the dead window 3. */
void trainer_init(
	struct trainer *t, struct flow *f, const char *run, uint32_t rank, uint32_t world_size);
/* HELLO and WELCOME. */
void trainer_connect(struct trainer *t);
/* The same of another user, whom the host need not have. */
void trainer_connect_as(struct trainer *t, uid_t uid);
/* OPEN and OPENED; goes on from what is wanted. */
void trainer_open(struct trainer *t);
/* HELLO, WELCOME, OPEN, OPENED. */
void trainer_join(struct trainer *t);
/* The next seq: STEP (and its step + 1), LOG of one number, FINISH. */
void trainer_step(struct trainer *t);
void trainer_log(struct trainer *t, const char *key, double value);
void trainer_finish(struct trainer *t);
void trainer_flush(struct trainer *t);
/* Reads until everything up to seq is acked; any other message is a failure. */
void trainer_until_acked(struct trainer *t, uint64_t seq);
/* An ACK that came is taken, without waiting. */
void trainer_close(struct trainer *t);

/* A reader with its HELLO said. */
void reader_connect(struct flow *f, struct peer *peer);
/* The same, at the other end of fd. */
void reader_adopt(struct flow *f, struct peer *peer, int fd);
/* QUERY; the answer is in *ret. */
void reader_ask(struct peer *peer, const char *what, const char *run, struct message *ret);

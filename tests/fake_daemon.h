/* A daemon for tests of the client: a thread that listens, speaks the protocol with the real
 * decoder, keeps what a real one would keep, and misbehaves as it is told. What it was sent can
 * be looked at afterwards. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

enum fake_acks {
	FAKE_ACK_ALL = 0, /* each message at once */
	FAKE_ACK_NONE,
	FAKE_ACK_FLUSHED /* when a FLUSH or FINISH asks for it */
};

/* What it does. May be changed while it runs, between fake_lock and fake_unlock. */
struct fake_script {
	enum fake_acks acks;
	bool deaf;               /* accepts, and reads nothing */
	size_t read_max;         /* bytes at a time; 0: many */
	size_t write_max;        /* bytes of an answer at a time; 0: all */
	uint64_t die_after_read; /* closes the connection after so many bytes in all; 0: never */
	uint64_t die_after_written;
	bool die_forgetful;                          /* and forgets what it has not acked */
	uint64_t ack_too_much;                       /* the next ACK is so much too high; once */
	struct text garbage;                         /* the next answer is this instead; once */
	enum refusal_code refuse_hello, refuse_open; /* 0: does not */
	uint32_t n_refusals;                         /* so often; 0: always */
	bool refuse_for_good;                        /* without retry_after_ms */
	uint64_t wanted_offset;                      /* added to OPENED's wanted; once */
	const char *state;                           /* of a SNAPSHOT; NULL: code 2 */
	const char *stop;                            /* sent after OPENED */
	uint64_t refuse_seq;                         /* an ERROR for it */
};

/* A message of the stream, as it came. */
struct fake_record {
	enum message_type type;
	uint64_t seq, count; /* count: of a DROPPED, else 1 */
	bool has_step;
	uint32_t lap, step;
	int32_t exit_code;               /* of a FINISH */
	char words[64];                  /* its first ones */
	size_t words_len;                /* of all of them */
	double scalar;                   /* the first of a STEP */
	struct counts nonzero, positive; /* data is owned */
};

struct fake_daemon {
	char path[108];
	struct fake_script script;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	int listener, kick, connection;
	bool stopping;

	/* one stream; what a crash would leave is records up to `durable` */
	bool has_stream;
	uint8_t stream[STREAM_ID_SIZE];
	uint64_t durable, wanted;
	struct fake_record *records;
	size_t n_records, records_size;

	/* counted */
	uint64_t bytes_read, bytes_written, n_connections, n_opens, n_flushes, n_discarded,
		n_lost_before;
	uint64_t last_first_seq; /* of the last OPEN */
	bool last_had_db_id;
	char run[RUN_ID_MAX + 1], launch[LAUNCH_ID_MAX + 1], project[64];
	char wandb_key[64], wandb_base_url[64]; /* "": none was given */
	uint32_t d_sae, rank, world_size;
	char violation[256]; /* the first thing that was not as the protocol says; "": none */

	/* the thread's own */
	struct decoder *decoder;
	uint8_t *in;
	size_t in_len, in_size;
};

/* Listens at path and begins. */
void fake_start(struct fake_daemon *f, const char *path, const struct fake_script *script);

/* Ends the thread and the connection; the path is removed. What was recorded stays until
 * fake_free. */
void fake_stop(struct fake_daemon *f);
void fake_free(struct fake_daemon *f);

/* As kill -9 and a new start: connections are closed, what was not acked is forgotten. */
void fake_crash(struct fake_daemon *f);

void fake_lock(struct fake_daemon *f);
void fake_unlock(struct fake_daemon *f); /* has the thread look at the script again */

/* Waits until `is_so`, at most 20 seconds. False: it never was. */
bool fake_wait(struct fake_daemon *f, bool (*is_so)(const struct fake_daemon *f, uint64_t what),
	uint64_t what);

/* For fake_wait. */
bool fake_has_durable(const struct fake_daemon *f, uint64_t seq);
bool fake_has_received(const struct fake_daemon *f, uint64_t seq);
bool fake_has_opens(const struct fake_daemon *f, uint64_t n);
bool fake_has_connections(const struct fake_daemon *f, uint64_t n);
bool fake_has_flushes(const struct fake_daemon *f, uint64_t n);
bool fake_is_left(const struct fake_daemon *f, uint64_t unused);

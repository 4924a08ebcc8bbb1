/* What a stream sent behind a STEP that waits for other ranks: it waits as well (R1).
 *
 * An item is a STEP whose counts are in the assembly, a message of another kind (a copy, owned), or
 * only the seqs of something that has already ended without effect. */
#pragma once

#include "message.h"
#include "place.h"

#define HELD_ITEMS_MAX 64u     /* of one stream; a few LOGs a step, four steps ahead */
#define HELD_BYTES_MAX 262144u /* beyond the one that is always admitted (R7) */

/* How a seq ended (R5). */
enum seq_end { SEQ_TAKEN, SEQ_DROPPED, SEQ_LATE, SEQ_REFUSED, SEQ_GAP };

enum held_kind { HELD_STEP, HELD_MESSAGE, HELD_ENDED };

struct held {
	struct held *next; /* held_queue.first */
	enum held_kind kind;
	uint64_t seq_last;  /* applied, once its turn has come */
	struct place place; /* a STEP's, also of one that was late or refused; step -1: none */
	enum seq_end end;
	enum message_type type;
	union {
		struct msg_log log;
		struct msg_event event;
		struct msg_mark mark;
		struct msg_update update;
		struct msg_dropped dropped;
		struct msg_finish finish;
	};
	size_t size;
	char bytes[]; /* what the message borrows from */
};

struct held_queue {
	struct held *first, **tail;
	uint32_t count;
	size_t bytes; /* of messages */
};

void held_init(struct held_queue *q);
void held_finish(struct held_queue *q);
bool held_empty(const struct held_queue *q);
/* Whether one more item, of a message of so many bytes, may wait. */
bool held_has_room(const struct held_queue *q, size_t bytes);

/* An item without a message; NULL when memory is short. */
struct held *held_create(enum held_kind kind, uint64_t seq_last);
/* A copy of a LOG, EVENT, MARK, UPDATE, DROPPED or FINISH; NULL when memory is short. */
struct held *held_copy(const struct message *m, uint64_t seq_last);
/* How many bytes such a copy borrows from. */
size_t held_copy_bytes(const struct message *m);

void held_destroy(struct held *item);
void held_push(struct held_queue *q, struct held *item);
/* Takes the first item off and frees it. */
void held_pop(struct held_queue *q);

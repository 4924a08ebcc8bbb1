/* The bytes of one connection that are not consumed yet, and what they cost its user.
 *
 * A frame that is complete in the staging buffer never comes here. Of a frame that is not, the rest is read into a
 * buffer of its own, which grows only as bytes come but is *charged* for the whole frame when it begins; where the user's
 * allowance is spent, the frame waits its turn. One frame of each user is always let in while no other of his is
 * being filled: the wait ends by bytes that arrive or by a connection that is closed for bringing none. So it is read, but
 * where its message cannot be taken at once it is not held beyond the limit: else each connection could bring one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ledger.h"
#include "list.h"

#define STAGING_SIZE 65536u /* stays in the L2 cache; larger reads bring nothing */
#define INTAKE_SMALL 4096u  /* a frame up to this is let in without asking */

/* What the connections of one user hold. */
struct account {
	struct list link;      /* server.accounts */
	struct holder *holder; /* whose queued bytes the frames are */
	uint32_t n_sessions;
	uint32_t n_filling;  /* frames let in and not complete yet */
	struct list waiting; /* intake.waiting, first come first served */

	/* turns.c */
	struct list broke;   /* server.broke: has used up his part of this turn */
	struct list resting; /* session.resting */
	int64_t credit_ns;
	uint64_t turn; /* of the credit */
};

struct intake {
	struct account *account;
	struct list waiting; /* account.waiting */
	uint8_t *data;
	size_t len, cap;
	uint64_t charged;
	size_t frame_len; /* announced, of the frame that waits or fills; else 0 */
	bool filling;
};

void account_init(struct account *a, struct holder *holder);
/* So little is left that reads should be small. */
bool account_is_short(const struct account *a);
/* Lets the next waiting frame in; NULL when none waits or none fits. */
struct intake *account_admit_next(struct account *a);

void intake_init(struct intake *in, struct account *account);
void intake_finish(struct intake *in);

/* Keeps bytes that were read into the staging buffer. 0 or -ENOMEM. Only when it is empty. */
int intake_keep(struct intake *in, const uint8_t *data, size_t len);
/* The frame at the front is of frame_len bytes and not complete. Whether the rest may be read now; if not, it waits. */
bool intake_admit(struct intake *in, size_t frame_len);
/* Makes room behind len, towards the announced frame: 0 or -ENOMEM. */
int intake_grow(struct intake *in);
/* The frame at the front is complete. */
void intake_complete(struct intake *in);
/* Drops `len` bytes from the front. A large buffer is kept for the next frame unless somebody waits. */
void intake_consume(struct intake *in, size_t len);
/* It holds a large frame, and its user more than he may. */
bool intake_is_beyond(const struct intake *in);
/* Forgets what is held of a frame that is complete. */
void intake_drop(struct intake *in);
/* Gives the buffer back if it is empty. */
void intake_trim(struct intake *in);

#include "intake.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void account_init(struct account *a, struct holder *holder) {
	*a = (struct account){.holder = holder};
	list_init(&a->waiting);
	list_init(&a->resting);
}

bool account_is_short(const struct account *a) {
	return ledger_ask(a->holder, HOLDING_QUEUED, STAGING_SIZE) != LEDGER_TAKEN;
}

static void charge(struct intake *in, uint64_t bytes) {
	struct holder *h = in->account->holder;

	ledger_give(h, HOLDING_QUEUED, in->charged);
	ledger_add(h, HOLDING_QUEUED, bytes);
	in->charged = bytes;
}

static bool fits(const struct account *a, uint64_t more) {
	return a->n_filling == 0 || ledger_ask(a->holder, HOLDING_QUEUED, more) == LEDGER_TAKEN;
}

static uint64_t missing_charge(const struct intake *in) {
	return in->frame_len > in->charged ? in->frame_len - in->charged : 0;
}

static void begin_filling(struct intake *in) {
	charge(in, in->charged + missing_charge(in));
	in->filling = true;
	in->account->n_filling++;
}

struct intake *account_admit_next(struct account *a) {
	if (list_empty(&a->waiting)) {
		return NULL;
	}
	struct intake *first = container_of(a->waiting.next, struct intake, waiting);
	if (!fits(a, missing_charge(first))) {
		return NULL;
	}
	list_remove(&first->waiting);
	begin_filling(first);
	return first;
}

void intake_init(struct intake *in, struct account *account) {
	*in = (struct intake){.account = account};
}

static void release(struct intake *in) {
	free(in->data);
	in->data = NULL;
	in->len = in->cap = 0;
	charge(in, 0);
}

void intake_finish(struct intake *in) {
	if (in->account == NULL) {
		return;
	}
	intake_complete(in);
	list_remove(&in->waiting);
	release(in);
	in->account = NULL;
}

int intake_keep(struct intake *in, const uint8_t *data, size_t len) {
	assert(in->len == 0);
	if (len > in->cap) {
		uint8_t *grown = realloc(in->data, len);
		if (grown == NULL) {
			return -ENOMEM;
		}
		in->data = grown;
		in->cap = len;
		if (in->cap > in->charged) {
			charge(in, in->cap);
		}
	}
	if (len > 0) {
		memcpy(in->data, data, len);
	}
	in->len = len;
	return 0;
}

bool intake_admit(struct intake *in, size_t frame_len) {
	in->frame_len = frame_len;
	if (in->filling || frame_len <= INTAKE_SMALL) {
		return true;
	}
	/* Behind the others, unless it costs nothing: the buffer of the frame before is still ours. */
	bool first = list_empty(&in->account->waiting);
	if (missing_charge(in) > 0 && !(first && fits(in->account, missing_charge(in)))) {
		if (!list_linked(&in->waiting)) {
			list_append(&in->account->waiting, &in->waiting);
			ledger_count_refusal(in->account->holder, HOLDING_QUEUED);
		}
		return false;
	}
	begin_filling(in);
	return true;
}

int intake_grow(struct intake *in) {
	if (in->len < in->cap) {
		return 0;
	}
	/* What is announced is not believed: at most as much again as has come. */
	size_t ahead = in->len > STAGING_SIZE ? in->len : STAGING_SIZE;
	size_t want = in->len + ahead;
	if (in->frame_len > in->len && in->frame_len < want) {
		want = in->frame_len;
	}
	uint8_t *grown = realloc(in->data, want);
	if (grown == NULL) {
		return -ENOMEM;
	}
	in->data = grown;
	in->cap = want;
	if (in->cap > in->charged) {
		charge(in, in->cap);
	}
	return 0;
}

void intake_complete(struct intake *in) {
	if (in->filling) {
		in->filling = false;
		in->account->n_filling--;
	}
	in->frame_len = 0;
}

void intake_consume(struct intake *in, size_t len) {
	assert(len <= in->len);
	in->len -= len;
	if (in->len > 0 && len > 0) {
		memmove(in->data, in->data + len, in->len);
	}
	if (in->cap <= STAGING_SIZE || !list_empty(&in->account->waiting)) {
		intake_trim(in);
	}
}

bool intake_is_beyond(const struct intake *in) {
	return in->charged > STAGING_SIZE &&
	       ledger_ask(in->account->holder, HOLDING_QUEUED, 1) != LEDGER_TAKEN;
}

void intake_drop(struct intake *in) {
	assert(!in->filling);
	in->len = 0;
	intake_trim(in);
}

void intake_trim(struct intake *in) {
	if (in->len == 0 && !in->filling) {
		release(in);
	}
}

/* Before a run comes into memory, whether there is room for it: what cannot stay is not loaded. And what users have on disk. */
#include <errno.h>
#include <stdio.h>

#include "buf.h"
#include "engine_private.h"
#include "log.h"

#define ROOM_RETRY_MS     5000u  /* until another run has ended */
#define DATABASE_RETRY_MS 60000u /* until somebody has removed something */

/* What the state files of a run take: two slots of each array; and its own row. */
#define RUN_FILE_BYTES(d_sae) (32ull * (d_sae) + 8192u)

static int refuse(struct refusal *r, const struct holder *h, enum holding what,
	enum ledger_answer answer, const char *help) {
	char words[LEDGER_WORDS_MAX];

	*r = (struct refusal){
		.code = what == HOLDING_RUNS ? REFUSE_TOO_MANY : REFUSE_BUDGET,
		.has_limit = true,
		.limit = ledger_say(h, what, answer, words),
		.has_retry = true,
		.retry_after_ms = what == HOLDING_DATABASE ? DATABASE_RETRY_MS : ROOM_RETRY_MS,
	};
	snprintf(r->words, sizeof r->words, "%s; %s", words, help);
	return 1;
}

static int judge(struct holder *h, enum holding what, uint64_t more, struct refusal *ret) {
	enum ledger_answer answer = ledger_ask(h, what, more);

	if (answer == LEDGER_TAKEN) {
		return 0;
	}
	ledger_count_refusal(h, what);
	return refuse(ret, h, what, answer,
		what == HOLDING_DATABASE ? "tried again when older runs are gone"
					 : "tried again until it fits");
}

static int judge_growth(struct engine *e, uint32_t uid, struct refusal *ret) {
	struct holder *h = ledger_holder(e->registry_options.ledger, uid);
	int result = h == NULL ? -ENOMEM : judge(h, HOLDING_DATABASE, 1, ret);

	holder_release(h);
	return result;
}

static int judge_load(
	struct engine *e, const struct stored_run *stored, uint32_t ranks, struct refusal *ret) {
	struct holder *h = ledger_holder(e->registry_options.ledger, stored->uid);
	int result = h == NULL ? -ENOMEM : judge(h, HOLDING_RUNS, 1, ret);

	if (result == 0) {
		result = judge(h, HOLDING_MEMORY, run_bytes_needed(stored->d_sae, ranks), ret);
	}
	holder_release(h);
	return result;
}

int engine_admit(struct engine *e, const char *id, const struct asker *asker, uint32_t world_size,
	struct refusal *ret) {
	struct stored_run stored;
	int err = store_look(e->store, id, &stored);

	if (err == -ENOENT) {
		return judge_growth(e, asker->uid, ret); /* the core asks for the rest */
	}
	if (err < 0) {
		return err;
	}
	if (!access_owns(asker, stored.uid)) {
		*ret = (struct refusal){.code = REFUSE_NOT_PERMITTED};
		snprintf(ret->words, sizeof ret->words, "run %s belongs to another user", id);
		return 1;
	}
	uint32_t ranks = world_size > stored.world_size ? world_size : stored.world_size;
	err = judge_growth(e, stored.uid, ret);
	return err == 0 ? judge_load(e, &stored, ranks, ret) : err;
}

int engine_admit_load(struct engine *e, const char *id, struct refusal *ret) {
	struct stored_run stored;
	int err = store_look(e->store, id, &stored);

	return err == 0 ? judge_load(e, &stored, stored.world_size, ret) : err;
}

bool engine_has_room_for(struct engine *e, const char *id) {
	struct stored_run stored;
	bool has_room = true;

	if (store_look(e->store, id, &stored) < 0) {
		return true; /* what is wrong with it is said by who loads it */
	}
	struct holder *h = ledger_holder(e->registry_options.ledger, stored.uid);
	if (h != NULL) {
		has_room = ledger_ask(h, HOLDING_MEMORY,
				   run_bytes_needed(stored.d_sae, stored.world_size)) !=
			   LEDGER_HOST_FULL;
	}
	holder_release(h);
	return has_room;
}

/* ---- on disk ---- */

struct usage {
	uint32_t uid;
	uint64_t bytes;
};

struct counting {
	struct buf users; /* struct usage */
	int err;
};

static void add_usage(void *user, uint32_t uid, uint64_t bytes) {
	struct counting *c = user;
	const struct usage usage = {.uid = uid, .bytes = bytes};

	if (c->err == 0) {
		c->err = buf_append(&c->users, &usage, sizeof usage);
	}
}

static void take_usage(struct ledger *l, const struct buf *users) {
	list_for_each(link, &l->holders) {
		struct holder *h = container_of(link, struct holder, link);
		ledger_give(h, HOLDING_DATABASE, h->held.of[HOLDING_DATABASE]);
	}
	for (size_t at = 0; at < users->len; at += sizeof(struct usage)) {
		struct usage usage;
		memcpy(&usage, users->data + at, sizeof usage);
		struct holder *h = ledger_holder(l, usage.uid);
		if (h != NULL) {
			ledger_add(h, HOLDING_DATABASE, usage.bytes);
		}
		holder_release(h);
	}
}

/* What cannot be counted to its end leaves what was known: nobody's limit is lifted by a disk that fails. */
void engine_count_usage(struct engine *e) {
	struct counting c = {.err = 0};
	int err = store_each_usage(e->store, add_usage, &c);

	err = err == 0 ? c.err : err;
	if (err == 0) {
		take_usage(e->registry_options.ledger, &c.users);
	} else {
		log_error("what users have in the database cannot be counted: %s", strerror(-err));
	}
	buf_finish(&c.users);
}

void feed_note_stored(struct feed *feed, const struct run_cut *cut) {
	uint64_t bytes = cut->row.rows_bytes;

	if (!feed->is_stored) {
		feed->is_stored = true;
		bytes += RUN_FILE_BYTES(cut->d_sae);
	}
	ledger_add(feed->tenant->holder, HOLDING_DATABASE, bytes);
}

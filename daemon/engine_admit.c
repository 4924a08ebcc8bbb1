/* Before a run comes into memory, whether there is room for it: what cannot stay is not loaded. And what users have on disk. */
#include <errno.h>
#include <stdio.h>

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

static int judge(struct holder *h, bool is_new, uint64_t bytes, struct refusal *ret) {
	static const struct {
		enum holding what;
		const char *help;
	} limits[] = {
		{HOLDING_DATABASE, "tried again when older runs are gone"},
		{HOLDING_RUNS, "tried again until it fits"},
		{HOLDING_MEMORY, "tried again until it fits"},
	};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		enum holding what = limits[i].what;
		if (is_new && what != HOLDING_DATABASE) {
			continue; /* the core asks, and knows more */
		}
		enum ledger_answer answer = ledger_ask(h, what, what == HOLDING_MEMORY ? bytes : 1);
		if (answer != LEDGER_TAKEN) {
			ledger_count_refusal(h, what);
			return refuse(ret, h, what, answer, limits[i].help);
		}
	}
	return 0;
}

static int judge_user(
	struct engine *e, uint32_t uid, bool is_new, uint64_t bytes, struct refusal *ret) {
	struct holder *h = ledger_holder(e->registry_options.ledger, uid);
	int result = h == NULL ? -ENOMEM : judge(h, is_new, bytes, ret);

	holder_release(h);
	return result;
}

int engine_admit(struct engine *e, const char *id, const struct asker *asker, uint32_t world_size,
	struct refusal *ret) {
	struct stored_run stored;
	int err = store_look(e->store, id, &stored);

	if (err == -ENOENT) {
		return judge_user(e, asker->uid, true, 0, ret);
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
	return judge_user(e, stored.uid, false, run_bytes_needed(stored.d_sae, ranks), ret);
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

static void add_usage(void *user, uint32_t uid, uint64_t bytes) {
	struct engine *e = user;
	struct holder *h = ledger_holder(e->registry_options.ledger, uid);

	if (h != NULL) {
		ledger_add(h, HOLDING_DATABASE, bytes);
	}
	holder_release(h);
}

void engine_count_usage(struct engine *e) {
	list_for_each(link, &e->registry_options.ledger->holders) {
		struct holder *h = container_of(link, struct holder, link);
		ledger_give(h, HOLDING_DATABASE, h->held.of[HOLDING_DATABASE]);
	}
	int err = store_each_usage(e->store, add_usage, e);
	if (err < 0) {
		log_error("what users have in the database cannot be counted: %s", strerror(-err));
	}
}

void feed_note_stored(struct feed *feed, const struct run_cut *cut) {
	uint64_t bytes = cut->row.rows_bytes;

	if (!feed->is_stored) {
		feed->is_stored = true;
		bytes += RUN_FILE_BYTES(cut->d_sae);
	}
	ledger_add(feed->tenant->holder, HOLDING_DATABASE, bytes);
}

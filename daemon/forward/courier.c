#include "courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier_private.h"

const struct courier_policy courier_default_policy = {
	.transmit_ms = 15000, /* as W&B's own client */
	.heartbeat_ms = 30000,
	.debounce_ms = 5000,
	.settle_ms = 5000,     /* counts settle in two to four seconds */
	.batch_max = 8u << 20, /* W&B takes 10 MiB */
};

/* Small at first: what a slow line can send within the time limit shows soon. */
#define BATCH_FIRST (1u << 20)
#define TURN_MS_MAX 300000u /* W&B waits as long before it calls a run crashed */

void courier_init(struct courier *c, const char *run_id, const struct courier_policy *policy) {
	*c = (struct courier){
		.policy = policy,
		.bytes_max = BATCH_FIRST < policy->batch_max ? BATCH_FIRST : policy->batch_max,
		.lines_max = COURIER_LINES_MAX,
		.refuse = -1,
		.look_at = -1,
		.stand_in = -1,
		.news = true,
	};
	snprintf(c->run_id, sizeof c->run_id, "%s", run_id);
}

void courier_finish(struct courier *c) {
	forward_cursor_finish(&c->cursor);
	forward_about_finish(&c->about);
	free(c->summary);
	buf_finish(&c->content);
	*c = (struct courier){0};
}

void courier_drop_lines(struct courier *c) {
	buf_finish(&c->content);
	c->n_lines = 0;
	c->looked_ns = 0;
}

void courier_begin_talk(struct courier *c) {
	c->introduced = c->checked = c->has_read = false;
	c->n_changes = 0;
	c->checked_ns = c->differs_since_ns = 0;
}

/* ---- news ---- */

void courier_note(struct courier *c, int64_t lines, bool ended, bool about_changed) {
	c->news = true;
	c->gone = false;
	c->lines = lines > c->lines ? lines : c->lines;
	c->ended = ended;
	c->about_news |= about_changed;
}

void courier_keep_own_key(struct courier *c) {
	c->cursor.own_key = true;
	if (c->save == FORWARD_SAVE_NOTHING) {
		c->save = FORWARD_SAVE_CURSOR;
	}
}

void courier_doubt(struct courier *c) {
	c->known = false;
	courier_drop_lines(c);
}

void courier_wake(struct courier *c) {
	if (c->state == COURIER_WAITING && c->host_trouble && !c->told_to_wait && !c->woken) {
		c->not_before_ns = 0;
		c->woken = true;
	}
}

void courier_retry(struct courier *c) {
	c->retry_wanted = c->busy; /* the answer under way is to what was before */
	c->not_before_ns = 0;
	c->n_failed = 0;
	if (c->state != COURIER_WELL && c->cursor.parked == NULL) {
		c->state = COURIER_WELL; /* until the next answer */
		c->words[0] = '\0';
	}
}

static void begin_again(struct courier *c, bool take_over) {
	free(c->cursor.parked);
	c->cursor.parked = NULL;
	c->state = COURIER_WELL;
	c->words[0] = '\0';
	courier_begin_talk(c);
	c->doubted = c->without_config = false;
	c->stand_in = -1;
	if (take_over) {
		c->cursor.has_base = false;
		c->cursor.told = 0;
		snprintf(c->event, sizeof c->event,
			"forwarding goes on behind whatever W&B has, as asked");
	}
	c->save = FORWARD_SAVE_CURSOR;
	courier_drop_lines(c);
}

void courier_resume(struct courier *c, bool take_over) {
	courier_retry(c);
	if (!c->known || c->busy) {
		c->resume_wanted = true;
		c->take_over_wanted |= take_over;
	} else if (c->cursor.parked != NULL || take_over) {
		begin_again(c, take_over);
	}
}

void courier_resume_if_wanted(struct courier *c) {
	if (c->retry_wanted) {
		courier_retry(c);
	}
	if (c->resume_wanted && c->known) {
		bool take_over = c->take_over_wanted;
		c->resume_wanted = c->take_over_wanted = false;
		courier_resume(c, take_over);
	}
}

/* ---- what is next ---- */

static uint64_t later(uint64_t since_ns, uint64_t ms) {
	return since_ns == 0 ? 0 : since_ns + ms * NS_PER_MS;
}

bool courier_is_due(uint64_t due_ns, uint64_t now_ns, uint64_t *when_ns) {
	if (due_ns <= now_ns) {
		return true;
	}
	*when_ns = due_ns < *when_ns ? due_ns : *when_ns;
	return false;
}

bool courier_was_silent(const struct courier *c, uint64_t now_ns) {
	return now_ns > later(c->heard_ns, 2u * c->policy->heartbeat_ms);
}

bool courier_is_stale(const struct courier *c, uint64_t now_ns) {
	bool waits_its_turn = c->checked_ns != 0 && c->n_failed == 0 &&
			      now_ns <= later(c->checked_ns, TURN_MS_MAX);
	return c->introduced && !waits_its_turn && courier_was_silent(c, now_ns);
}

bool courier_needs_upsert(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (!c->introduced) {
		return true;
	}
	if (!c->about_news) {
		return false;
	}
	return c->ended ||
	       courier_is_due(later(c->upsert_ns, c->policy->debounce_ms), now_ns, when_ns);
}

bool courier_summary_is_new(const struct courier *c) {
	return c->summary != NULL && c->summary_hash != c->summary_sent &&
	       c->summary_hash != c->summary_refused;
}

bool courier_is_all_sent(const struct courier *c) {
	return c->lines <= c->cursor.accepted;
}

uint64_t courier_transmit_ns(const struct courier *c) {
	uint64_t last_ns = c->looked_ns > c->sent_ns ? c->looked_ns : c->sent_ns;
	return later(last_ns, c->policy->transmit_ms);
}

static enum courier_want next_stream(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (c->n_lines > 0 || c->probing) {
		return COURIER_STREAM;
	}
	bool at_once = c->catching_up || c->ended || c->policy->once;
	uint64_t due_ns = at_once ? 0 : courier_transmit_ns(c);
	if ((!courier_is_all_sent(c) || c->news) && courier_is_due(due_ns, now_ns, when_ns)) {
		return COURIER_FETCH;
	}
	if (courier_is_all_sent(c) && c->ended && !c->news && !c->cursor.completed) {
		return COURIER_STREAM;
	}
	if (courier_summary_is_new(c) && courier_is_due(due_ns, now_ns, when_ns)) {
		return COURIER_STREAM;
	}
	uint64_t beat_ns = later(c->sent_ns, c->policy->heartbeat_ms);
	bool beats = !c->ended && !c->silent && !c->policy->once;
	if (beats && courier_is_due(beat_ns, now_ns, when_ns)) {
		return COURIER_STREAM;
	}
	return COURIER_NOTHING;
}

/* Until somebody does something about it. */
static bool is_held(const struct courier *c) {
	return c->cursor.parked != NULL || !c->has_key;
}

/* The end included; but for what it may still say of itself. */
static bool has_all(const struct courier *c) {
	return c->cursor.completed && c->ended && courier_is_all_sent(c) && !c->telling;
}

static enum courier_want next_free(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (has_all(c) && !c->about_news) {
		return c->news ? COURIER_VISIT : COURIER_NOTHING;
	}
	if (courier_needs_upsert(c, now_ns, when_ns)) {
		return c->has_about && !c->about_news ? COURIER_UPSERT : COURIER_VISIT;
	}
	if (c->checked) {
		enum courier_want want = next_stream(c, now_ns, when_ns);
		return want == COURIER_STREAM && courier_is_stale(c, now_ns) ? COURIER_VISIT : want;
	}
	bool reads_again = c->has_read || c->differs_since_ns != 0;
	uint64_t due_ns = reads_again ? later(c->read_at_ns, c->policy->settle_ms) : 0;
	return courier_is_due(due_ns, now_ns, when_ns) ? COURIER_STATUS : COURIER_NOTHING;
}

static enum courier_want next_due(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (!c->known || c->save != FORWARD_SAVE_NOTHING || c->look_at >= 0) {
		return COURIER_VISIT;
	}
	return is_held(c) ? COURIER_NOTHING : next_free(c, now_ns, when_ns);
}

enum courier_want courier_next(const struct courier *c, uint64_t now_ns, uint64_t *ret_when_ns) {
	uint64_t when_ns = UINT64_MAX;
	enum courier_want want = COURIER_NOTHING;

	if (!c->busy && !c->gone && courier_is_due(c->not_before_ns, now_ns, &when_ns)) {
		want = next_due(c, now_ns, &when_ns);
	}
	if (want == COURIER_NOTHING) {
		*ret_when_ns = when_ns;
	}
	return want;
}

bool courier_done(const struct courier *c) {
	if (c->gone) {
		return true;
	}
	if (!c->known || c->busy || c->news || c->about_news || c->save != FORWARD_SAVE_NOTHING ||
		!courier_is_all_sent(c)) {
		return false;
	}
	if (c->ended) {
		return has_all(c);
	}
	/* Nothing more is owed of a run that only W&B can call crashed; should it go on, that is news. */
	bool owes_nothing = c->introduced && c->checked && !courier_summary_is_new(c);
	return (c->policy->once || c->silent) && owes_nothing;
}

/* ---- what could not be sent ---- */

void courier_unsendable(struct courier *c) {
	c->busy = false;
	courier_park(c,
		"what the run says of itself (config, tags or arguments) cannot be written as "
		"JSON; `sae-metricsd sync %s` tries again",
		c->run_id);
}

void courier_not_sent(struct courier *c, uint64_t now_ns) {
	c->busy = false;
	c->not_before_ns = now_ns + COURIER_VISIT_AGAIN_MS * NS_PER_MS;
	courier_drop_lines(c);
	courier_resume_if_wanted(c);
}

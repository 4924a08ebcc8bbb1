#include "courier.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier_private.h"
#include "hash.h"
#include "payload.h"

const struct courier_policy courier_default_policy = {
	.transmit_ms = 15000, /* as W&B's own client */
	.heartbeat_ms = 30000,
	.debounce_ms = 5000,
	.settle_ms = 5000,     /* counts settle in two to four seconds */
	.batch_max = 8u << 20, /* W&B takes 10 MiB */
};

/* Small at first: what a slow line can send within the time limit shows soon. */
#define BATCH_FIRST    (1u << 20)
#define LINES_MAX      100000
#define VISIT_AGAIN_MS 5000u
#define NS_PER_MS      1000000ull

void courier_init(struct courier *c, const char *run_id, const struct courier_policy *policy) {
	*c = (struct courier){
		.policy = policy,
		.bytes_max = BATCH_FIRST < policy->batch_max ? BATCH_FIRST : policy->batch_max,
		.lines_max = LINES_MAX,
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
	c->introduced = c->checked = c->has_read = c->doubted = c->without_config = false;
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

/* ---- what is next ---- */

static uint64_t later(uint64_t since_ns, uint64_t ms) {
	return since_ns == 0 ? 0 : since_ns + ms * NS_PER_MS;
}

static bool is_due(uint64_t due_ns, uint64_t now_ns, uint64_t *when_ns) {
	if (due_ns <= now_ns) {
		return true;
	}
	*when_ns = due_ns < *when_ns ? due_ns : *when_ns;
	return false;
}

/* Nobody kept the run alive for so long that another host may have gone on with it: whose it is is asked again before
 * anything of it is sent. */
static bool is_stale(const struct courier *c, uint64_t now_ns) {
	return c->introduced && now_ns > later(c->heard_ns, 2u * c->policy->heartbeat_ms);
}

static bool needs_upsert(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (!c->introduced) {
		return true;
	}
	if (!c->about_news) {
		return false;
	}
	return c->ended || is_due(later(c->upsert_ns, c->policy->debounce_ms), now_ns, when_ns);
}

bool courier_summary_is_new(const struct courier *c) {
	return c->summary != NULL && c->summary_hash != c->summary_sent &&
	       c->summary_hash != c->summary_refused;
}

static bool is_all_sent(const struct courier *c) {
	return c->lines <= c->cursor.accepted;
}

/* When lines are looked for next: what nobody waits for goes in few requests. */
static uint64_t transmit_ns(const struct courier *c) {
	uint64_t last_ns = c->looked_ns > c->sent_ns ? c->looked_ns : c->sent_ns;
	return later(last_ns, c->policy->transmit_ms);
}

static enum courier_want next_stream(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (c->n_lines > 0 || c->probing) {
		return COURIER_STREAM;
	}
	bool at_once = c->catching_up || c->ended || c->policy->once;
	uint64_t due_ns = at_once ? 0 : transmit_ns(c);
	if ((!is_all_sent(c) || c->news) && is_due(due_ns, now_ns, when_ns)) {
		return COURIER_FETCH;
	}
	if (is_all_sent(c) && c->ended && !c->news && !c->cursor.completed) {
		return COURIER_STREAM;
	}
	if (courier_summary_is_new(c) && is_due(due_ns, now_ns, when_ns)) {
		return COURIER_STREAM;
	}
	uint64_t beat_ns = later(c->sent_ns, c->policy->heartbeat_ms);
	bool beats = !c->ended && !c->silent && !c->policy->once;
	if (beats && is_due(beat_ns, now_ns, when_ns)) {
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
	return c->cursor.completed && c->ended && is_all_sent(c) && !c->telling;
}

static enum courier_want next_free(const struct courier *c, uint64_t now_ns, uint64_t *when_ns) {
	if (has_all(c) && !c->about_news) {
		return c->news ? COURIER_VISIT : COURIER_NOTHING;
	}
	if (needs_upsert(c, now_ns, when_ns)) {
		return c->has_about && !c->about_news ? COURIER_UPSERT : COURIER_VISIT;
	}
	if (c->checked) {
		enum courier_want want = next_stream(c, now_ns, when_ns);
		return want == COURIER_STREAM && is_stale(c, now_ns) ? COURIER_VISIT : want;
	}
	uint64_t due_ns = c->has_read ? later(c->read_at_ns, c->policy->settle_ms) : 0;
	return is_due(due_ns, now_ns, when_ns) ? COURIER_STATUS : COURIER_NOTHING;
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

	if (!c->busy && !c->gone && is_due(c->not_before_ns, now_ns, &when_ns)) {
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
		!is_all_sent(c)) {
		return false;
	}
	if (c->ended) {
		return has_all(c);
	}
	/* Nothing more is owed of a run that only W&B can call crashed; should it go on, that is news. */
	bool owes_nothing = c->introduced && c->checked && !courier_summary_is_new(c);
	return (c->policy->once || c->silent) && owes_nothing;
}

/* ---- visits ---- */

static bool wants_lines(const struct courier *c) {
	return c->has_key && c->introduced && c->checked && c->cursor.has_base &&
	       c->cursor.parked == NULL && c->refuse < 0 && c->n_lines == 0;
}

/* Right after lines were accepted more are fetched only while there are many. */
static bool fetches_lines(const struct courier *c, uint64_t now_ns) {
	uint64_t when_ns = UINT64_MAX;
	if (c->save == FORWARD_SAVE_BASE) {
		return false; /* which comes first is decided by it */
	}
	return wants_lines(c) &&
	       (c->catching_up || c->ended || is_due(transmit_ns(c), now_ns, &when_ns));
}

struct forward_visit *courier_visit(struct courier *c, bool may_fetch, uint64_t now_ns) {
	if (is_stale(c, now_ns)) {
		c->introduced = c->checked = c->has_read = false;
		courier_drop_lines(c);
	}
	struct forward_visit *v = forward_visit_create(c->run_id);
	if (v == NULL || forward_cursor_copy(&v->cursor, &c->cursor) < 0) {
		forward_visit_destroy(v);
		return NULL;
	}
	v->save = c->save;
	v->server_lines = c->server_lines;
	v->server_step = c->server_step;
	v->refuse = c->refuse;
	v->refuse_status = c->refuse_status;
	memcpy(v->refuse_words, c->refuse_words, sizeof v->refuse_words);
	memcpy(v->event, c->event, sizeof v->event);
	v->look_at = c->look_at;
	v->want_about = needs_upsert(c, now_ns, &(uint64_t){UINT64_MAX});
	v->want_summary = true;
	if (may_fetch && fetches_lines(c, now_ns)) {
		c->number = c->cursor.base + c->cursor.accepted;
		if (payload_stream_begin(&v->content, c->number) < 0) {
			forward_visit_destroy(v);
			return NULL;
		}
		c->head_len = v->content.len;
		v->lines_max = c->lines_max;
		v->bytes_max = c->bytes_max;
		c->looked_ns = now_ns;
	}
	c->news = false;
	c->telling |= c->about_news && v->want_about;
	c->about_news = c->about_news && !v->want_about;
	c->busy = true;
	return v;
}

static void swap_texts(char **a, char **b) {
	char *held = *a;
	*a = *b;
	*b = held;
}

static void swap_bufs(struct buf *a, struct buf *b) {
	struct buf held = *a;
	*a = *b;
	*b = held;
}

static void take_summary(struct courier *c, struct forward_visit *v) {
	swap_texts(&c->summary, &v->summary);
	c->summary_hash = c->summary == NULL ? 0 : hash_text(c->summary) | 1;
}

static void take_lines(struct courier *c, struct forward_visit *v) {
	if (c->cursor.base + v->first != c->number) {
		return; /* not what is written before them: they are asked for again */
	}
	if (v->n_lines > 0) {
		swap_bufs(&c->content, &v->content);
		c->lines_len = c->content.len - c->head_len;
		c->n_lines = v->n_lines;
		c->last = v->last;
	}
	c->catching_up = c->cursor.accepted + c->n_lines < v->lines;
}

/* W&B has a line that is none of ours. */
static void compare_look(struct courier *c, const struct forward_visit *v) {
	if (v->has_looked) {
		courier_compare(c, &v->looked);
	}
}

/* Whatever W&B said of how far it is was said for another one. */
static void notice_database(struct courier *c, const struct forward_visit *v) {
	if (c->known && memcmp(c->cursor.db_id, v->cursor.db_id, sizeof c->cursor.db_id) != 0) {
		c->introduced = c->checked = c->has_read = c->catching_up = false;
		c->lines = v->lines;
		courier_drop_lines(c);
	}
}

static void take_about(struct courier *c, struct forward_visit *v) {
	struct forward_about about = c->about;
	c->about = v->about;
	v->about = about;
	if (c->without_config) {
		free(c->about.config_json);
		c->about.config_json = NULL;
	}
	c->has_about = true;
	c->introduced = false; /* it is to be told */
}

static void take_visit(struct courier *c, struct forward_visit *v) {
	notice_database(c, v);
	struct forward_cursor cursor = c->cursor;
	c->cursor = v->cursor;
	v->cursor = cursor;
	c->known = true;
	if (c->state == COURIER_WAITING && !c->host_trouble && c->n_failed == 0) {
		c->state = COURIER_WELL; /* the database is there again */
		c->words[0] = '\0';
	}
	c->lines = v->lines > c->lines || !c->news ? v->lines : c->lines;
	c->ended = v->ended;
	c->silent = v->silent;
	c->exit_code = v->exit_code;
	c->uid = v->uid;
	c->oldest_time = v->oldest_time;
	c->save = FORWARD_SAVE_NOTHING;
	c->refuse = -1;
	c->event[0] = '\0';
	take_summary(c, v);
	if (v->want_about) {
		take_about(c, v);
	}
	if (v->lines_max > 0) {
		take_lines(c, v);
	}
	if (v->look_at >= 0) {
		c->look_at = -1;
		compare_look(c, v);
	}
	if (c->cursor.completed && (!c->ended || !is_all_sent(c))) {
		c->cursor.completed = false; /* it went on */
		c->introduced = false;
	}
	if (c->cursor.parked != NULL) {
		c->state = COURIER_REFUSED;
		snprintf(c->words, sizeof c->words, "%s", c->cursor.parked);
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

void courier_visited(struct courier *c, struct forward_visit *v, int status, uint64_t now_ns) {
	c->busy = false;
	if (status == 0) {
		take_visit(c, v);
		courier_resume_if_wanted(c);
		return;
	}
	bool noted = c->news;
	c->news = true;
	c->about_news |= c->telling;
	c->telling = false;
	if (status == -ENOENT) {
		c->gone = !noted;
	} else if (status == -EXDEV) {
		c->save = FORWARD_SAVE_NOTHING;
		c->refuse = c->look_at = -1;
		c->introduced = c->checked = c->has_read = false;
		courier_doubt(c);
	} else if (status == -ENODATA) {
		courier_park(c, "a line is missing in the database: what follows it is not sent");
	} else {
		c->not_before_ns = now_ns + VISIT_AGAIN_MS * NS_PER_MS;
		c->state = COURIER_WAITING;
		c->host_trouble = false;
		snprintf(c->words, sizeof c->words, "the database: %s", strerror(-status));
	}
}

/* ---- requests ---- */

int courier_stream(struct courier *c, struct buf *out) {
	bool is_last = c->cursor.accepted + c->n_lines >= c->lines && c->ended && !c->news;

	/* The summary is of the newest line, so it goes with that one. */
	bool lean = c->probing || (c->lean && c->n_lines > 0);
	bool reaches_end = c->cursor.accepted + c->n_lines >= c->lines;
	assert(c->cursor.has_base);
	c->asks_summary = reaches_end && courier_summary_is_new(c) && !lean;
	c->asks_complete = is_last && !lean && !c->cursor.completed;
	struct payload_stream stream = {
		.lines = c->n_lines > 0,
		.summary = c->asks_summary ? c->summary : NULL,
		.complete = c->asks_complete,
		.exit_code = c->exit_code,
	};
	c->busy = true;
	if (stream.lines) {
		assert(c->number == c->cursor.base + c->cursor.accepted);
		swap_bufs(&c->content, out);
	}
	return payload_stream(out, &stream);
}

void courier_unsendable(struct courier *c) {
	c->busy = false;
	courier_park(c,
		"what the run says of itself (config, tags or arguments) cannot be written as "
		"JSON; `sae-metricsd sync %s` tries again",
		c->run_id);
}

void courier_not_sent(struct courier *c, uint64_t now_ns) {
	c->busy = false;
	c->not_before_ns = now_ns + VISIT_AGAIN_MS * NS_PER_MS;
	courier_drop_lines(c);
	courier_resume_if_wanted(c);
}

/* With which key a run is sent, and what its user asks for. */
#include <stdio.h>
#include <string.h>

#include "credential.h"
#include "forward_private.h"
#include "text.h"
#include "url.h"

/* A key comes before the commit that says its run goes on, and behind at most one that is under way. */
#define KEY_NOTES 2u

static bool has_own_key(const struct forwarded *run) {
	const char *host_key = run->forward->options.key;
	return run->key_not_kept || (run->key != NULL && !run->on_trial &&
					    (host_key == NULL || strcmp(run->key, host_key) != 0));
}

const char *forward_key(const struct forwarded *run) {
	bool own = has_own_key(run) || run->key != NULL || run->courier.cursor.own_key;
	return own ? run->key : run->forward->options.key;
}

void forward_note_own_key(struct forwarded *run) {
	struct courier *c = &run->courier;
	if (has_own_key(run) && c->known && !c->gone && !c->cursor.own_key) {
		courier_keep_own_key(c);
	}
}

bool forward_has_own_key(const struct forward *f, const char *run_id) {
	const struct forwarded *run = forward_find(f, run_id);
	return run != NULL && has_own_key(run);
}

const char *forward_base_url(const struct forward *f) {
	return f->options.base_url;
}

bool forward_is_to(
	const struct forward *f, struct text base_url, char ret_server[FORWARD_SERVER_MAX]) {
	char text[FIELD_MAX_BYTES + 1];
	struct url theirs, ours;

	snprintf(ret_server, FORWARD_SERVER_MAX, "another server");
	if (base_url.len == 0) {
		return true;
	}
	snprintf(text, sizeof text, "%.*s", (int)base_url.len, base_url.data);
	if (url_read(text, &theirs) < 0 || url_read(f->options.base_url, &ours) < 0) {
		return false;
	}
	snprintf(ret_server, FORWARD_SERVER_MAX, "%s://%.*s", theirs.is_https ? "https" : "http",
		(int)theirs.authority_len, theirs.authority);
	return url_same_server(&theirs, &ours);
}

/* A key is its user's to hold, once a run. */
static bool may_hold(struct forwarded *run, uint32_t uid) {
	struct ledger *ledger = run->forward->options.ledger;
	if (ledger == NULL || run->key_holder != NULL) {
		return true;
	}
	struct holder *holder = ledger_holder(ledger, uid);
	if (holder == NULL || ledger_take(holder, HOLDING_KEYS, 1) != LEDGER_TAKEN) {
		holder_release(holder);
		return false;
	}
	run->key_holder = holder;
	return true;
}

void forward_drop_key(struct forwarded *run) {
	credential_free(run->key);
	run->key = NULL;
	if (run->key_holder != NULL) {
		ledger_give(run->key_holder, HOLDING_KEYS, 1);
		holder_release(run->key_holder);
		run->key_holder = NULL;
	}
}

static bool give_key(struct forwarded *run, uint32_t uid, struct text key, bool on_trial) {
	char *copy = may_hold(run, uid) ? strndup(key.data, key.len) : NULL;
	if (copy == NULL) {
		return false;
	}
	bool same = run->key != NULL && strcmp(run->key, copy) == 0;
	run->on_trial = on_trial;
	run->key_not_kept = false;
	credential_free(run->key);
	run->key = copy;
	run->courier.has_key = true;
	forward_note_own_key(run);
	if (!same) {
		courier_retry(&run->courier);
	}
	return true;
}

/* The host's would put it into another account. */
static void note_not_kept(struct forwarded *run, struct text key) {
	const char *host_key = run->forward->options.key;

	run->key_not_kept = run->key == NULL && (host_key == NULL || !text_is(key, host_key));
	run->courier.has_key = forward_key(run) != NULL;
	forward_note_own_key(run);
}

bool forward_give_key(
	struct forward *f, const char *run_id, uint32_t uid, struct text key, bool goes_on) {
	struct forwarded *run = forward_run(f, run_id);
	if (run == NULL) {
		return false;
	}
	if (!give_key(run, uid, key, false)) {
		note_not_kept(run, key);
		return false;
	}
	run->key_notes = goes_on ? KEY_NOTES : run->key_notes;
	forward_pump_soon(f);
	return true;
}

/* ---- what is offered ---- */

static bool needs_key(const struct forwarded *run) {
	const struct courier *c = &run->courier;
	return !c->has_key || (c->state == COURIER_REFUSED && c->cursor.parked == NULL);
}

static void drop_offer(struct forwarded *run) {
	credential_free(run->offered);
	run->offered = NULL;
}

static enum forward_offer offer_key(struct forwarded *run, uint32_t uid, struct text key) {
	drop_offer(run);
	if (needs_key(run)) {
		bool replaces_the_hosts = run->key == NULL && run->courier.has_key;
		return give_key(run, uid, key, replaces_the_hosts) ? FORWARD_KEY_TAKEN
								   : FORWARD_KEY_NOT_KEPT;
	}
	if (run->courier.known) {
		return FORWARD_KEY_NOT_NEEDED;
	}
	run->offered = strndup(key.data, key.len);
	return FORWARD_KEY_KEPT;
}

void forward_settle_offer(struct forwarded *run) {
	if (run->offered == NULL || !run->courier.known) {
		return;
	}
	if (!run->courier.has_key) {
		(void)give_key(
			run, run->courier.uid, text_of(run->offered, strlen(run->offered)), false);
	}
	drop_offer(run);
}

void forward_judge_key(struct forwarded *run, bool good) {
	struct courier *c = &run->courier;
	if (!run->on_trial) {
		return;
	}
	if (good && c->state != COURIER_REFUSED) {
		run->on_trial = false;
		forward_note_own_key(run);
	} else if (c->state == COURIER_REFUSED && c->cursor.parked == NULL) {
		run->on_trial = false;
		forward_drop_key(run);
	}
}

enum forward_offer forward_offer_key(
	struct forward *f, const char *run_id, uint32_t uid, struct text key) {
	struct forwarded *run = forward_run(f, run_id);
	if (run == NULL) {
		return FORWARD_KEY_NOT_NEEDED;
	}
	forward_pump_soon(f);
	return offer_key(run, uid, key);
}

/* ---- going on ---- */

bool forward_resume(struct forward *f, const char *run_id, bool take_over) {
	struct forwarded *run = forward_find(f, run_id);
	if (run == NULL) {
		return false;
	}
	courier_resume(&run->courier, take_over);
	forward_pump_soon(f);
	return true;
}

bool forward_is_unanswered(const struct forward *f, const char *run_id) {
	const struct forwarded *run = forward_find(f, run_id);
	if (run == NULL || run->courier.gone) {
		return false;
	}
	const struct courier *c = &run->courier;
	if (!c->known || c->retry_wanted || c->resume_wanted) {
		return true;
	}
	bool is_settled = c->introduced && c->checked && c->look_at < 0;
	return c->state == COURIER_WELL && c->has_key && !is_settled && !courier_done(c);
}

uint32_t forward_resume_all(struct forward *f, uint32_t uid, struct text key, uint32_t *ret_given) {
	uint32_t n = 0, n_given = 0;
	list_for_each(link, &f->runs) {
		struct forwarded *run = container_of(link, struct forwarded, link);
		if (!run->courier.known || run->courier.uid != uid || courier_done(&run->courier)) {
			continue;
		}
		n_given += key.len > 0 && offer_key(run, uid, key) == FORWARD_KEY_TAKEN;
		courier_resume(&run->courier, false);
		n++;
	}
	forward_pump_soon(f);
	*ret_given = n_given;
	return n;
}

/* What people get to see of the forwarder: one line of the log when it breaks, one when it heals, and how it
 * stands with each run. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "forward_private.h"
#include "log.h"

/* ---- the log ---- */

static void heal(struct forward *f, const struct forwarded *healed) {
	if (!f->broken) {
		return;
	}
	f->broken = false;
	log_info("W&B answers again, after %.0f s: lines that waited are sent",
		clock_wall() - f->broken_since);
	list_for_each(link, &f->runs) {
		struct forwarded *run = container_of(link, struct forwarded, link);
		if (run != healed) {
			courier_wake(&run->courier);
		}
	}
}

static void say_refusal(struct forward *f, struct forwarded *run) {
	const struct courier *c = &run->courier;
	bool parked = c->cursor.parked != NULL;

	if (!parked && run->key == NULL) {
		if (!f->key_refused) {
			log_error("W&B refuses the key from %s: %s; lines are kept, it is tried "
				  "now and then",
				f->options.key_source != NULL ? f->options.key_source : "the host",
				c->words);
		}
		f->key_refused = run->refusal_said = true;
	} else if (!run->refusal_said) {
		log_warning("run %s: %s: %s", c->run_id,
			parked ? "nothing is sent to W&B until `sae-metricsd sync` says so"
			       : "W&B refuses its own key; lines are kept, it is tried now and "
				 "then",
			c->words);
		run->refusal_said = true;
	}
}

/* One that fails again and again while others get through says nothing of the host. */
static bool begins_to_fail(const struct courier *c) {
	return c->state == COURIER_WAITING && c->host_trouble && c->n_failed == 1;
}

void trouble_look(struct forward *f, struct forwarded *run, bool answered) {
	const struct courier *c = &run->courier;
	if (c->state == COURIER_REFUSED) {
		say_refusal(f, run);
	} else if (answered && !f->broken && begins_to_fail(c)) {
		f->broken = true;
		f->broken_since = clock_wall();
		log_warning(
			"W&B cannot be reached: %s; lines are kept and sent later, trying again",
			c->words);
	} else if (c->state == COURIER_WELL && answered) {
		if (run->refusal_said) {
			log_info("run %s: W&B takes it again", c->run_id);
		}
		run->refusal_said = false;
		f->key_refused = f->key_refused && run->key != NULL;
		heal(f, run);
	}
}

/* ---- views ---- */

const char *forward_state_name(enum forward_state state) {
	static const char *const names[] = {
		[FORWARD_OK] = "ok",
		[FORWARD_BEHIND] = "behind",
		[FORWARD_WAITING] = "waiting",
		[FORWARD_REFUSED] = "refused",
		[FORWARD_SYNCED] = "synced",
	};
	return names[state];
}

/* Lines younger than this are on their ordinary way. */
static double lag_usual_s(const struct courier *c) {
	return 2 * (double)c->policy->transmit_ms / 1000 + 5;
}

static enum forward_state state_of(const struct courier *c, double lag_s) {
	if (c->state == COURIER_REFUSED) {
		return FORWARD_REFUSED;
	}
	if (c->cursor.completed && c->ended && c->lines <= c->cursor.accepted) {
		return FORWARD_SYNCED;
	}
	if (!c->has_key || c->state == COURIER_WAITING) {
		return FORWARD_WAITING;
	}
	return lag_s > lag_usual_s(c) ? FORWARD_BEHIND : FORWARD_OK;
}

static void view(const struct courier *c, double now_s, struct forward_view *ret) {
	int64_t pending = c->lines - c->cursor.accepted;
	double lag_s = pending > 0 && c->oldest_time > 0 ? now_s - c->oldest_time : 0;
	uint64_t now_ns = clock_mono_ns();

	*ret = (struct forward_view){
		.state = state_of(c, lag_s),
		.pending = pending > 0 ? pending : 0,
		.lag_s = lag_s > 0 ? lag_s : 0,
		.retry_in_s =
			c->not_before_ns > now_ns ? (double)(c->not_before_ns - now_ns) * 1e-9 : -1,
		.url = c->cursor.url,
	};
	snprintf(ret->words, sizeof ret->words, "%s",
		c->state == COURIER_WELL && !c->has_key && ret->state == FORWARD_WAITING
			? "a W&B key: `sae-metricsd sync` by its owner hands one over"
			: c->words);
}

bool forward_look(
	const struct forward *f, const char *run_id, double now_s, struct forward_view *ret) {
	const struct forwarded *run = forward_find(f, run_id);
	if (run == NULL || !run->courier.known) {
		return false;
	}
	view(&run->courier, now_s, ret);
	return true;
}

void forward_look_all(const struct forward *f, double now_s, struct forward_view *ret) {
	*ret = (struct forward_view){.state = FORWARD_OK, .retry_in_s = -1};
	list_for_each(link, &f->runs) {
		struct forward_view one;
		view(&container_of(link, struct forwarded, link)->courier, now_s, &one);
		ret->pending += one.pending;
		ret->lag_s = one.lag_s > ret->lag_s ? one.lag_s : ret->lag_s;
		if (one.state != FORWARD_SYNCED && one.state > ret->state) {
			ret->state = one.state;
			ret->retry_in_s = one.retry_in_s;
			memcpy(ret->words, one.words, sizeof ret->words);
		}
	}
}

uint32_t forward_busy(const struct forward *f) {
	uint32_t n = 0;
	list_for_each(link, &f->runs) {
		const struct courier *c = &container_of(link, struct forwarded, link)->courier;
		n += c->has_key && c->cursor.parked == NULL && !courier_done(c);
	}
	return n;
}

uint64_t forward_progress(const struct forward *f) {
	return f->n_accepted;
}

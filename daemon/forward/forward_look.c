/* What people get to see of the forwarder: one line of the log when it breaks, one when it heals, and how it
 * stands with each run. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "forward_private.h"
#include "log.h"
#include "log_messages.h"

/* ---- the log ---- */

/* One failure is no news, for the next try is near. */
#define FAILURES_UNSAID 1u

static void wake_others(struct forward *f, const struct forwarded *run, bool with_the_key) {
	list_for_each(link, &f->runs) {
		struct forwarded *other = container_of(link, struct forwarded, link);
		struct courier *c = &other->courier;
		if (other == run) {
			continue;
		}
		courier_wake(c);
		if (with_the_key && other->key == NULL && c->state == COURIER_REFUSED) {
			c->not_before_ns = 0;
		}
	}
}

static void heal(struct forward *f, const struct forwarded *run) {
	if (!f->broken) {
		return;
	}
	f->broken = false;
	if (f->n_broken > FAILURES_UNSAID) {
		log_of_kind(LOG_LEVEL_INFO, LOG_WANDB_BACK, NULL,
			"W&B answers again, after %.0f s: lines that waited are sent",
			clock_wall() - f->broken_since);
	}
	wake_others(f, run, false);
}

static void take_key(struct forward *f, const struct forwarded *run) {
	if (f->key_refused && run->key == NULL) {
		f->key_refused = false;
		log_of_kind(LOG_LEVEL_INFO, LOG_WANDB_KEY_TAKEN, NULL, "W&B takes the key again");
		wake_others(f, run, true);
	}
}

static void say_well(struct forward *f, struct forwarded *run) {
	heal(f, run);
	take_key(f, run);
	if (run->refusal_said || run->trouble_said) {
		log_of_kind(LOG_LEVEL_INFO, LOG_WANDB_RUN_TAKEN, run->courier.run_id,
			"run %s: W&B takes it again", run->courier.run_id);
	}
	run->refusal_said = run->trouble_said = false;
}

static void say_refusal(struct forward *f, struct forwarded *run) {
	const struct courier *c = &run->courier;
	bool parked = c->cursor.parked != NULL;

	if (!parked && run->key == NULL) {
		if (!f->key_refused) {
			log_of_kind(LOG_LEVEL_ERROR, LOG_WANDB_KEY_REFUSED, NULL,
				"W&B refuses the key from %s: %s; lines are kept, it is tried "
				"now and then",
				f->options.key_source != NULL ? f->options.key_source : "the host",
				c->words);
		}
		f->key_refused = true;
	} else if (!run->refusal_said) {
		log_of_kind(LOG_LEVEL_WARNING, LOG_WANDB_RUN_REFUSED, c->run_id, "run %s: %s: %s",
			c->run_id,
			parked ? "nothing more is sent to W&B"
			       : "W&B refuses its own key; lines are kept, it is tried now and "
				 "then",
			c->words);
		run->refusal_said = true;
	}
}

static void say_broken(struct forward *f, const struct courier *c) {
	if (!f->broken) {
		f->broken = true;
		f->broken_since = clock_wall();
		f->n_broken = 0;
	}
	if (f->n_broken++ == FAILURES_UNSAID) {
		f->outages++;
		log_of_kind(LOG_LEVEL_WARNING, LOG_WANDB_AWAY, NULL,
			"W&B cannot be reached: %s; lines are kept and sent later, trying again",
			c->words);
	}
}

static void say_own_failure(struct forwarded *run) {
	const struct courier *c = &run->courier;

	if (!run->trouble_said && c->n_failed > FAILURES_UNSAID) {
		log_of_kind(LOG_LEVEL_WARNING, LOG_WANDB_RUN_REFUSED, c->run_id,
			"run %s: W&B does not take it: %s; its lines "
			"are kept, trying again",
			c->run_id, c->words);
		run->trouble_said = true;
	}
}

/* Whose trouble is it? Its own, if others got through between two of its failures. */
static void say_failure(struct forward *f, struct forwarded *run) {
	const struct courier *c = &run->courier;

	if (c->n_failed == 1) {
		run->n_accepted_before = f->n_accepted;
	}
	if (!c->host_trouble) {
		heal(f, run); /* a no is an answer */
		say_own_failure(run);
	} else if (f->broken || f->n_accepted == run->n_accepted_before) {
		say_broken(f, c);
	} else {
		say_own_failure(run);
	}
}

static void say_no_key(struct forwarded *run) {
	const struct courier *c = &run->courier;

	if (c->known && !c->gone && !c->has_key && !run->no_key_said) {
		log_of_kind(LOG_LEVEL_INFO, LOG_WANDB_NO_KEY, c->run_id,
			"run %s: its lines for W&B are kept until there is a key "
			"(`sae-metricsd sync %s` by its owner hands one over)",
			c->run_id, c->run_id);
		run->no_key_said = true;
	}
}

void trouble_look(struct forward *f, struct forwarded *run, enum forward_news news) {
	const struct courier *c = &run->courier;
	if (c->state == COURIER_REFUSED) {
		if (news != FORWARD_VISITED) {
			heal(f, run); /* a no is an answer */
		}
		say_refusal(f, run);
	} else if (news == FORWARD_FAILED) {
		say_failure(f, run);
	} else if (news == FORWARD_VISITED) {
		say_no_key(run);
	} else if (c->state == COURIER_WELL) {
		say_well(f, run);
	} else if (!c->host_trouble) {
		heal(f, run); /* W&B answers: what waits is the run */
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

static bool has_all(const struct courier *c) {
	bool is_over = (c->cursor.completed && c->ended) || c->silent;
	return is_over && c->lines <= c->cursor.accepted;
}

static enum forward_state state_of(const struct courier *c, double lag_s) {
	if (c->state == COURIER_REFUSED) {
		return FORWARD_REFUSED;
	}
	if (has_all(c)) {
		return FORWARD_SYNCED;
	}
	if (!c->has_key || c->state == COURIER_WAITING) {
		return FORWARD_WAITING;
	}
	return lag_s > lag_usual_s(c) ? FORWARD_BEHIND : FORWARD_OK;
}

static bool is_own(const struct forwarded *run, enum forward_state state) {
	const struct courier *c = &run->courier;
	switch (state) {
	case FORWARD_REFUSED:
		return c->cursor.parked != NULL || run->key != NULL;
	case FORWARD_WAITING:
		return !c->has_key || run->trouble_said || !c->host_trouble;
	default:
		return false;
	}
}

static void view(const struct forwarded *run, double now_s, struct forward_view *ret) {
	const struct courier *c = &run->courier;
	int64_t pending = c->lines - c->cursor.accepted;
	double lag_s = pending > 0 && c->oldest_time > 0 ? now_s - c->oldest_time : 0;
	uint64_t now_ns = clock_boot_ns();
	enum forward_state state = state_of(c, lag_s);

	*ret = (struct forward_view){
		.state = state,
		.own = is_own(run, state),
		.parked = c->cursor.parked != NULL,
		.pending = pending > 0 ? pending : 0,
		.accepted = c->cursor.accepted,
		.lag_s = lag_s > 0 ? lag_s : 0,
		.retry_in_s = c->cursor.parked == NULL && c->not_before_ns > now_ns
				      ? (double)(c->not_before_ns - now_ns) * 1e-9
				      : -1,
		.url = c->cursor.url,
	};
	if (state == FORWARD_WAITING && c->state == COURIER_WELL) {
		snprintf(ret->words, sizeof ret->words,
			"for a W&B key (`sae-metricsd sync %s` hands yours over)", c->run_id);
	} else {
		snprintf(ret->words, sizeof ret->words, "%s", c->words);
	}
}

bool forward_look(
	const struct forward *f, const char *run_id, double now_s, struct forward_view *ret) {
	const struct forwarded *run = forward_find(f, run_id);
	if (run == NULL || !run->courier.known) {
		return false;
	}
	view(run, now_s, ret);
	return true;
}

static double sooner(double a_s, double b_s) {
	return a_s < 0 || (b_s >= 0 && b_s < a_s) ? b_s : a_s;
}

static void take_worse(struct forward_view *worst, const struct forward_view *one) {
	double lag_s = one->lag_s > worst->lag_s ? one->lag_s : worst->lag_s;
	double retry_in_s = worst->retry_in_s;

	if (one->state != FORWARD_SYNCED && one->state > worst->state) {
		*worst = *one;
	} else if (one->state == worst->state) {
		worst->retry_in_s = sooner(retry_in_s, one->retry_in_s);
	}
	worst->lag_s = lag_s;
}

void forward_look_all(
	const struct forward *f, double now_s, const uint32_t *uid, struct forward_sum *ret) {
	*ret = (struct forward_sum){
		.outages = f->outages, .worst = {.state = FORWARD_OK, .retry_in_s = -1}};
	list_for_each(link, &f->runs) {
		const struct forwarded *run = container_of(link, struct forwarded, link);
		struct forward_view one;
		view(run, now_s, &one);
		bool is_another = uid != NULL && run->courier.uid != *uid;
		if (!run->courier.known || is_another || one.state == FORWARD_SYNCED) {
			continue;
		}
		ret->runs++;
		ret->held += one.own;
		ret->pending += one.pending;
		ret->held_pending += one.own ? one.pending : 0;
		if (!one.own) {
			take_worse(&ret->worst, &one);
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

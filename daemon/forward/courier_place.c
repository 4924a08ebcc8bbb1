/* A run's place at W&B: that it is known there, how far it is, and whether it is still ours. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "courier_private.h"
#include "reply_words.h"

#define LAG_PATIENCE 12u /* reads until a count or a tail must be what it is to be: a minute */
#define CHANGES_SAID 3u

/* ---- is it still ours? ---- */

static bool is_expected(const struct courier *c, const struct forward_line *line) {
	return line->step == c->expected.step &&
	       fabs(line->time - c->expected.time) <= FORWARD_TIME_SLACK_S;
}

void courier_compare(struct courier *c, const struct forward_line *ours, bool is_of_ours) {
	if (is_expected(c, ours)) {
		c->differs_since_ns = 0;
		return;
	}
	if (c->differs_since_ns == 0) {
		c->differs_since_ns = c->read_at_ns;
	}
	/* Its tail and its count may lag, either behind the other, while the line is one of ours. */
	uint64_t n_reads = is_of_ours ? LAG_PATIENCE : 1;
	uint64_t patience_ns = n_reads * c->policy->settle_ms * NS_PER_MS;
	if (c->read_at_ns - c->differs_since_ns < patience_ns) {
		c->checked = false; /* read again */
		return;
	}
	courier_park(c,
		"W&B has a line of step %u where this database has one of step %u: "
		"somebody else writes this run, too, or the database was put back from "
		"an older copy (`sae-metricsd sync %s --take-over` goes on behind it)",
		c->expected.step, ours->step, c->run_id);
}

static bool park_if_not_alone(struct courier *c, int64_t server_lines) {
	int64_t ours = c->cursor.base + c->lines;
	if (!c->cursor.has_base || server_lines <= ours) {
		return false;
	}
	courier_park(c,
		"W&B has %lld lines of this run, %lld more than this database ever decided: "
		"somebody else writes it, too, or the database was put back from an older copy "
		"(`sae-metricsd sync %s --take-over` goes on behind them)",
		(long long)server_lines, (long long)(server_lines - ours), c->run_id);
	return true;
}

/* ---- UpsertBucket ---- */

static void replace(char **to, char **from) {
	if (*from != NULL) {
		free(*to);
		*to = *from;
		*from = NULL;
	}
}

static void learn(struct courier *c, struct reply_upsert *u, bool is_new) {
	uint32_t told = forward_about_told(&c->about);

	/* A run that W&B has only now was told the rest alone: all is said again. */
	c->cursor.told = is_new && c->cursor.told == told ? 0 : told;
	replace(&c->cursor.storage_id, &u->storage_id);
	replace(&c->cursor.entity, &u->entity);
	replace(&c->cursor.project, &u->project);
	replace(&c->cursor.display_name, &u->display_name);
	c->save = FORWARD_SAVE_CURSOR;
}

/* As of W&B's answer, which was just heard. */
static void know_place(struct courier *c) {
	c->checked = true;
	c->checked_ns = c->heard_ns;
	c->has_read = false;
	c->n_changes = 0;
}

static void fix_base(struct courier *c, int64_t server_lines, int64_t server_step) {
	c->save = FORWARD_SAVE_BASE;
	c->server_lines = server_lines;
	c->server_step = server_step;
	know_place(c);
	if (server_lines > 0 || server_step >= 0) {
		snprintf(c->event, sizeof c->event,
			"W&B already has %lld lines of this run, through step %lld: lines of later "
			"steps are sent behind them, none of those is overwritten",
			(long long)server_lines, (long long)server_step);
	}
}

/* It was known where the run is; it took long to say who it is. */
static void doubt_after_silence(struct courier *c, const struct courier_answer *a) {
	if (courier_was_silent(c, a->now_ns)) {
		courier_begin_talk(c);
	}
}

static void introduced(struct courier *c, struct reply_upsert *u, const struct courier_answer *a) {
	bool is_new = u->is_new && u->history_lines <= 0;
	int64_t had = c->cursor.base + c->cursor.accepted;

	learn(c, u, is_new);
	doubt_after_silence(c, a);
	courier_succeed(c, a);
	c->telling = false;
	c->introduced = c->cursor.told != 0;
	c->about_news |= !c->introduced;
	/* To W&B it goes on: should it have ended, that is said again. */
	c->cursor.completed = false;
	c->upsert_ns = a->now_ns;
	forward_about_finish(&c->about);
	c->has_about = false;
	if (c->cursor.has_base && is_new && had > 0) {
		courier_park(c,
			"W&B does not know this run any more, although it had %lld lines of it "
			"(`sae-metricsd sync %s --take-over` sends the rest as a new run)",
			(long long)had, c->run_id);
		return;
	}
	if (park_if_not_alone(c, u->history_lines)) {
		return;
	}
	if (!c->cursor.has_base && is_new) {
		fix_base(c, 0, -1);
	}
}

/* What it says of itself is not taken. Its lines are worth more. */
static bool go_on_without(struct courier *c, const struct courier_answer *a) {
	if (!c->without_config && c->about.config_json != NULL) {
		snprintf(c->event, sizeof c->event, "W&B did not take the run's config: %s",
			a->words);
		free(c->about.config_json);
		c->about.config_json = NULL;
		c->without_config = true;
	} else if (c->cursor.has_base) {
		snprintf(c->event, sizeof c->event,
			"W&B did not take what the run says of itself: %s", a->words);
		doubt_after_silence(c, a);
		c->introduced = true;
		c->telling = false;
		c->upsert_ns = c->heard_ns = a->now_ns;
	} else {
		return false;
	}
	c->save = FORWARD_SAVE_CURSOR;
	return true;
}

static void upsert_refused(struct courier *c, struct courier_answer *a) {
	bool is_wandb = a->response->body.len > 0 && a->response->body.data[0] == '{';
	if (reply_says_deleted(a->words)) {
		courier_park(c,
			"%s. W&B never takes a deleted id again: the run is kept here, and needs "
			"another id to be logged there",
			a->words);
	} else if (a->response->status == 409) {
		courier_fail(c, a, VERDICT_AGAIN); /* two of them at once, as after a lost answer */
	} else if (a->verdict == VERDICT_GONE && !is_wandb) {
		courier_fail(c, a, VERDICT_SLOWLY); /* no W&B at this address */
	} else if (a->verdict == VERDICT_GONE || !go_on_without(c, a)) {
		courier_park(c, "%s; `sae-metricsd sync %s` tries again", a->words, c->run_id);
	}
}

void courier_upsert_answered(struct courier *c, struct courier_answer *a) {
	struct reply_upsert u = {0};
	if (a->verdict != VERDICT_ACCEPTED) {
		if (!courier_fail_commonly(c, a)) {
			upsert_refused(c, a);
		}
		return;
	}
	int err = reply_read_upsert(a->response->body, &u, a->words);
	if (err == 0) {
		introduced(c, &u, a);
	} else if (reply_says_deleted(a->words)) {
		upsert_refused(c, a);
	} else {
		courier_fail(c, a, VERDICT_SLOWLY);
	}
	reply_upsert_finish(&u);
}

/* ---- RunResumeStatus ---- */

/* Whether it has said so for long enough: twice, or for as long as a count may lag where it is below what it
 * had accepted before. */
static bool has_settled(struct courier *c, int64_t lines, int64_t step, int64_t accepted,
	const struct courier_answer *a) {
	bool same = c->has_read && c->read_lines == lines && c->read_step == step;
	c->read_at_ns = a->now_ns;
	if (!same) {
		c->n_changes += c->has_read;
		c->has_read = true;
		c->read_lines = lines;
		c->read_step = step;
		c->read_since_ns = a->now_ns;
		return false;
	}
	uint64_t patience_ms = lines < accepted ? LAG_PATIENCE * c->policy->settle_ms : 0;
	return a->now_ns - c->read_since_ns >= patience_ms * NS_PER_MS;
}

/* Before the first line: where to go on. */
static void read_base(
	struct courier *c, const struct reply_resume *r, const struct courier_answer *a) {
	int64_t lines = r->exists && r->history_lines > 0 ? r->history_lines : 0;
	int64_t step = r->exists && r->has_step ? r->step : -1;

	/* As many lines need as many steps; a tail that lags says less. */
	step = step < lines - 1 ? lines - 1 : step;
	if (has_settled(c, lines, step, c->cursor.base + c->cursor.accepted, a)) {
		fix_base(c, lines, step);
	} else if (c->n_changes >= CHANGES_SAID) {
		c->state = COURIER_WAITING;
		c->host_trouble = false;
		snprintf(c->words, sizeof c->words,
			"somebody else writes this run, W&B has %lld lines of it and still gets "
			"more: ours follow when that has ended",
			(long long)lines);
	}
}

/* After a start: W&B's newest line must be what this database says it is. */
static void check_base(
	struct courier *c, const struct reply_resume *r, const struct courier_answer *a) {
	int64_t lines = r->exists && r->history_lines > 0 ? r->history_lines : 0;
	int64_t accepted = c->cursor.base + c->cursor.accepted;
	int64_t newest = lines - 1 - c->cursor.base;

	if (park_if_not_alone(c, lines)) {
		return;
	}
	if (lines < accepted) {
		if (has_settled(c, lines, r->has_step ? r->step : -1, accepted, a)) {
			courier_park(c,
				"W&B has %lld lines of this run, and had taken %lld: what is "
				"missing there is not here any more (`sae-metricsd sync %s "
				"--take-over` goes on behind what is there)",
				(long long)lines, (long long)accepted, c->run_id);
		}
		return;
	}
	know_place(c);
	c->read_at_ns = a->now_ns;
	if (lines == 0 || !r->has_timestamp) {
		return; /* only a line says where it is from */
	}
	c->expected = (struct forward_line){.step = (uint32_t)r->step, .time = r->timestamp};
	struct forward_line last = {c->cursor.step, c->cursor.time};
	bool is_last = newest == c->cursor.accepted - 1 && c->cursor.has_step;
	if (is_last && is_expected(c, &last)) {
		c->differs_since_ns = 0;
	} else if (is_last || newest >= c->cursor.accepted) {
		c->look_at = newest;
	}
}

void courier_status_answered(struct courier *c, struct courier_answer *a) {
	struct reply_resume r = {0};
	if (a->verdict != VERDICT_ACCEPTED) {
		if (!courier_fail_commonly(c, a)) {
			courier_fail(c, a, VERDICT_SLOWLY);
		}
		return;
	}
	if (reply_read_resume(a->response->body, &r, a->words) < 0) {
		courier_fail(c, a, VERDICT_SLOWLY);
		return;
	}
	courier_succeed(c, a);
	if (c->cursor.has_base) {
		check_base(c, &r, a);
	} else {
		read_base(c, &r, a);
	}
}

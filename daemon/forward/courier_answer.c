/* What W&B's answers mean. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier_private.h"
#include "payload.h"
#include "reply_words.h"
#include "text.h"

#define NS_PER_MS    1000000ull
#define LINES_MAX    100000
#define WAIT_MIN_MS  1000u
#define LAG_PATIENCE 12u /* reads in which a count may still grow to what was accepted: a minute */
#define TIME_SLACK_S 0.001 /* clocks go through other people's JSON */

/* ---- trouble ---- */

static void set_words(struct courier *c, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
static void set_words(struct courier *c, const char *format, va_list args) {
	(void)vsnprintf(c->words, sizeof c->words, format, args);
	text_mend_end(c->words);
}

static void say(struct courier *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct courier *c, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_words(c, format, args);
	va_end(args);
}

void courier_park(struct courier *c, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_words(c, format, args);
	va_end(args);
	free(c->cursor.parked);
	c->cursor.parked = strdup(c->words);
	c->state = COURIER_REFUSED;
	c->host_trouble = false;
	snprintf(c->event, sizeof c->event, "forwarding is parked: %s", c->words);
	c->save = FORWARD_SAVE_CURSOR;
	courier_drop_lines(c);
}

struct answer {
	enum courier_want asked;
	const struct http_response *response;
	enum verdict verdict;
	uint64_t now_ns;
	double now_s, chance;
	char words[FORWARD_SAID_MAX]; /* W&B's own, or the network's */
};

static void make_fit(struct text text, char said[REPLY_WORDS_MAX]) {
	struct reply_words w;
	reply_words_begin(&w, said);
	reply_words_add(&w, text);
}

/* The network's words, W&B's, or at least the status; all of it may quote somebody else. */
static void find_words(struct answer *a) {
	const struct http_response *r = a->response;
	char said[REPLY_WORDS_MAX];

	if (r->transport != TRANSPORT_DONE) {
		make_fit(text_of(r->words, strlen(r->words)), said);
		snprintf(a->words, sizeof a->words, "%s", said);
		return;
	}
	if (r->location.data != NULL) {
		make_fit(r->location, said);
		snprintf(a->words, sizeof a->words,
			"HTTP %d, it is at %s now: set base_url to that", r->status, said);
		return;
	}
	reply_error_words(r->body, said);
	if (said[0] != '\0') {
		snprintf(a->words, sizeof a->words, "%s (HTTP %d)", said, r->status);
	} else {
		snprintf(a->words, sizeof a->words, "HTTP %d", r->status);
	}
}

/* What W&B says counts, but nobody is let ask without a pause, nor for a key that was refused sooner than slowly. */
static uint64_t wait_ms(struct courier *c, const struct answer *a, enum verdict verdict) {
	int64_t told_ms = a->response->retry_after.data == NULL
				  ? -1
				  : retry_after_ms(a->response->retry_after, a->now_s);
	uint64_t own_ms = retry_wait_ms(verdict, c->n_failed, a->chance);
	uint64_t least_ms = verdict == VERDICT_AGAIN ? WAIT_MIN_MS : own_ms;
	c->told_to_wait = told_ms >= 0;
	if (told_ms < 0) {
		return own_ms;
	}
	/* Exactly when it was told, everybody would come at once. */
	uint64_t ms = (uint64_t)told_ms > least_ms ? (uint64_t)told_ms : least_ms;
	return ms + (uint64_t)(a->chance * 1000);
}

/* Whether everybody's requests would fare the same. */
static bool is_the_hosts(const struct http_response *r) {
	return r->transport != TRANSPORT_DONE || r->status == 408 || r->status == 429 ||
	       (r->status >= 500 && r->status != 501) || (r->status >= 300 && r->status < 400);
}

/* Tried again later, whatever was at hand. */
static void fail(struct courier *c, const struct answer *a, enum verdict verdict) {
	c->n_failed++;
	c->failing = a->asked;
	c->state = verdict == VERDICT_AGAIN || verdict == VERDICT_SLOWLY ? COURIER_WAITING
									 : COURIER_REFUSED;
	c->host_trouble = c->state == COURIER_WAITING && is_the_hosts(a->response);
	say(c, "%s", a->words);
	c->not_before_ns = a->now_ns + wait_ms(c, a, verdict) * NS_PER_MS;
	courier_drop_lines(c);
}

/* A good answer to something else than what fails ends no trouble. */
static void succeed(struct courier *c, const struct answer *a) {
	c->heard_ns = a->now_ns;
	if (c->n_failed > 0 && c->failing == COURIER_STREAM && a->asked != COURIER_STREAM) {
		return;
	}
	c->n_failed = 0;
	c->woken = false;
	if (c->cursor.parked == NULL) {
		c->state = COURIER_WELL;
		c->words[0] = '\0';
	}
}

/* The verdicts that mean the same whatever was asked; false for those that do not. */
static bool fail_commonly(struct courier *c, const struct answer *a) {
	if (a->verdict != VERDICT_AGAIN && a->verdict != VERDICT_SLOWLY &&
		a->verdict != VERDICT_KEY) {
		return false;
	}
	fail(c, a, a->verdict);
	return true;
}

/* ---- is it still ours? ---- */

void courier_compare(struct courier *c, const struct forward_line *ours) {
	bool same = ours->step == c->expected.step &&
		    (!c->expects_time || fabs(ours->time - c->expected.time) <= TIME_SLACK_S);
	if (same) {
		c->has_read = false;
	} else if (!c->has_read) {
		c->has_read = true; /* its tail may lag behind its count: read again */
		c->checked = false;
	} else {
		courier_park(c,
			"W&B has a line of step %u where this database has one of step %u: "
			"somebody else writes this run, too, or the database was put back from "
			"an older copy (`sae-metricsd sync %s --take-over` goes on behind it)",
			c->expected.step, ours->step, c->run_id);
	}
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

static void fix_base(struct courier *c, int64_t server_lines, int64_t server_step) {
	c->save = FORWARD_SAVE_BASE;
	c->server_lines = server_lines;
	c->server_step = server_step;
	c->checked = true;
	c->has_read = false;
	if (server_lines > 0 || server_step >= 0) {
		snprintf(c->event, sizeof c->event,
			"W&B already has %lld lines of this run, through step %lld: lines of later "
			"steps are sent behind them, none of those is overwritten",
			(long long)server_lines, (long long)server_step);
	}
}

static void introduced(struct courier *c, struct reply_upsert *u, const struct answer *a) {
	bool is_new = u->is_new && u->history_lines <= 0;
	int64_t had = c->cursor.base + c->cursor.accepted;

	learn(c, u, is_new);
	succeed(c, a);
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
static bool go_on_without(struct courier *c, const struct answer *a) {
	if (c->cursor.has_base) {
		snprintf(c->event, sizeof c->event,
			"W&B did not take what the run says of itself: %s", a->words);
		c->introduced = true;
		c->telling = false;
		c->upsert_ns = c->heard_ns = a->now_ns;
	} else if (!c->without_config && c->about.config_json != NULL) {
		snprintf(c->event, sizeof c->event, "W&B did not take the run's config: %s",
			a->words);
		free(c->about.config_json);
		c->about.config_json = NULL;
		c->without_config = true;
	} else {
		return false;
	}
	c->save = FORWARD_SAVE_CURSOR;
	return true;
}

static void upsert_refused(struct courier *c, struct answer *a) {
	bool is_wandb = a->response->body.len > 0 && a->response->body.data[0] == '{';
	if (reply_says_deleted(a->words)) {
		courier_park(c,
			"%s. W&B never takes a deleted id again: the run is kept here, and needs "
			"another id to be logged there",
			a->words);
	} else if (a->response->status == 409) {
		fail(c, a, VERDICT_AGAIN); /* two of them at once, as after a lost answer */
	} else if (a->verdict == VERDICT_GONE && !is_wandb) {
		fail(c, a, VERDICT_SLOWLY); /* no W&B at this address */
	} else if (a->verdict == VERDICT_GONE || !go_on_without(c, a)) {
		courier_park(c, "%s; `sae-metricsd sync %s` tries again", a->words, c->run_id);
	}
}

static void upsert_answered(struct courier *c, struct answer *a) {
	struct reply_upsert u = {0};
	if (a->verdict != VERDICT_ACCEPTED) {
		if (!fail_commonly(c, a)) {
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
		fail(c, a, VERDICT_SLOWLY);
	}
	reply_upsert_finish(&u);
}

/* ---- RunResumeStatus ---- */

/* Whether it has said so for long enough: twice, or for as long as a count may lag where it is below what it
 * had accepted before. */
static bool has_settled(
	struct courier *c, int64_t lines, int64_t step, int64_t accepted, const struct answer *a) {
	bool same = c->has_read && c->read_lines == lines && c->read_step == step;
	c->read_at_ns = a->now_ns;
	if (!same) {
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
static void read_base(struct courier *c, const struct reply_resume *r, const struct answer *a) {
	int64_t lines = r->exists && r->history_lines > 0 ? r->history_lines : 0;
	int64_t step = r->exists && r->has_step ? r->step : -1;

	/* As many lines need as many steps; a tail that lags says less. */
	step = step < lines - 1 ? lines - 1 : step;
	if (has_settled(c, lines, step, c->cursor.base + c->cursor.accepted, a)) {
		fix_base(c, lines, step);
	}
}

/* After a start: W&B's newest line must be what this database says it is. */
static void check_base(struct courier *c, const struct reply_resume *r, const struct answer *a) {
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
	c->checked = true;
	c->read_at_ns = a->now_ns;
	if (lines == 0 || !r->has_timestamp) {
		return; /* only a line says where it is from */
	}
	c->expected = (struct forward_line){.step = (uint32_t)r->step, .time = r->timestamp};
	c->expects_time = true;
	if (newest >= c->cursor.accepted) {
		c->look_at = newest;
	} else if (newest == c->cursor.accepted - 1 && c->cursor.has_step) {
		courier_compare(c, &(struct forward_line){c->cursor.step, c->cursor.time});
	}
}

static void status_answered(struct courier *c, struct answer *a) {
	struct reply_resume r = {0};
	if (a->verdict != VERDICT_ACCEPTED) {
		if (!fail_commonly(c, a)) {
			fail(c, a, VERDICT_SLOWLY);
		}
		return;
	}
	if (reply_read_resume(a->response->body, &r, a->words) < 0) {
		fail(c, a, VERDICT_SLOWLY);
		return;
	}
	succeed(c, a);
	if (c->cursor.has_base) {
		check_base(c, &r, a);
	} else {
		read_base(c, &r, a);
	}
}

/* ---- file_stream ---- */

static void grow(struct courier *c) {
	c->lean = false;
	c->lines_max = c->lines_max * 2 < LINES_MAX ? c->lines_max * 2 : LINES_MAX;
	if (c->lines_len * 2 > c->bytes_max && c->bytes_max < c->policy->batch_max) {
		c->bytes_max = c->bytes_max * 2 < c->policy->batch_max ? c->bytes_max * 2
								       : c->policy->batch_max;
	}
}

static void accepted(struct courier *c, const struct answer *a) {
	struct forward_cursor *cursor = &c->cursor;
	c->stop_wanted |= reply_says_stopped(a->response->body);
	c->sent_ns = a->now_ns;
	c->doubted = false;
	c->empty_taken = c->probing;
	c->probing = false;
	if (c->n_lines > 0) {
		cursor->accepted += c->n_lines;
		cursor->has_step = true;
		cursor->step = c->last.step;
		cursor->time = c->last.time;
		c->save = FORWARD_SAVE_CURSOR;
		grow(c);
	}
	if (c->asks_summary) {
		c->summary_sent = c->summary_hash;
	}
	if (c->asks_complete) {
		cursor->completed = true;
		c->save = FORWARD_SAVE_CURSOR;
	}
	courier_drop_lines(c);
	succeed(c, a);
}

/* Before a line is called bad, W&B shows that it takes anything at all. */
static void suspect_line(struct courier *c) {
	c->probing = true;
	c->catching_up = true;
	courier_drop_lines(c);
}

static void refuse_line(struct courier *c, const struct answer *a) {
	int64_t line = c->cursor.accepted;
	c->empty_taken = false;
	if (c->stand_in == line) {
		courier_park(c,
			"W&B takes not even an empty line of step %u: %s; `sae-metricsd sync %s` "
			"tries again",
			c->last.step, a->words, c->run_id);
		return;
	}
	c->stand_in = c->refuse = line;
	c->refuse_status = a->response->status;
	memcpy(c->refuse_words, a->words, sizeof c->refuse_words);
	snprintf(c->event, sizeof c->event,
		"W&B did not take the line of step %u: %s. It is kept in refused_lines",
		c->last.step, a->words);
	c->save = FORWARD_SAVE_CURSOR;
	courier_drop_lines(c);
}

static void refuse_summary(struct courier *c, const struct answer *a) {
	c->summary_refused = c->summary_hash;
	snprintf(c->event, sizeof c->event, "W&B did not take the summary: %s", a->words);
	c->save = FORWARD_SAVE_CURSOR;
}

/* Something in the request is at fault: found by leaving out half of what may be. */
static void bisect(struct courier *c, const struct answer *a) {
	if (c->probing) {
		c->probing = false;
		fail(c, a, VERDICT_SLOWLY);
		return;
	}
	if (c->n_lines > 0 && (c->asks_summary || c->asks_complete)) {
		c->lean = true;
	} else if (c->n_lines > 1) {
		c->lines_max = c->n_lines / 2;
		if (a->verdict == VERDICT_TOO_LARGE) {
			size_t half = c->lines_len / 2;
			c->bytes_max = half > 0 ? half : 1;
		}
	} else if (c->n_lines == 1 && a->verdict != VERDICT_TOO_LARGE && !c->empty_taken) {
		suspect_line(c);
		return;
	} else if (c->n_lines == 1) {
		refuse_line(c, a);
		return;
	} else if (c->asks_summary) {
		refuse_summary(c, a);
		return;
	} else {
		fail(c, a, VERDICT_SLOWLY);
		return;
	}
	c->catching_up = true; /* the rest follows at once */
	courier_drop_lines(c);
}

static void stream_failed(struct courier *c, struct answer *a) {
	if (a->response->transport == TRANSPORT_TIMEOUT && c->n_lines > 1) {
		c->bytes_max = c->lines_len / 2 + 1;
	}
	if (fail_commonly(c, a)) {
		return;
	}
	bool gone = a->verdict == VERDICT_GONE || a->response->status == 409;
	if (gone && !c->doubted) {
		c->doubted = true; /* UpsertBucket says more */
		c->introduced = false;
		courier_drop_lines(c);
	} else if (gone) {
		courier_park(c,
			"W&B does not know this run any more: %s; `sae-metricsd sync %s` tries "
			"again",
			a->words, c->run_id);
	} else {
		bisect(c, a);
	}
}

void courier_answered(struct courier *c, enum courier_want asked,
	const struct http_response *response, uint64_t now_ns, double now_s, double chance) {
	struct answer a = {
		.asked = asked,
		.response = response,
		.verdict = retry_judge(response->transport, response->status),
		.now_ns = now_ns,
		.now_s = now_s,
		.chance = chance,
	};
	c->busy = false;
	if (a.verdict != VERDICT_ACCEPTED) {
		find_words(&a);
	}
	if (asked == COURIER_UPSERT) {
		upsert_answered(c, &a);
	} else if (asked == COURIER_STATUS) {
		status_answered(c, &a);
	} else if (a.verdict == VERDICT_ACCEPTED) {
		accepted(c, &a);
	} else {
		stream_failed(c, &a);
	}
	courier_resume_if_wanted(c);
}

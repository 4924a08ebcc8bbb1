/* What an answer means whatever was asked, and whom it goes to. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier_private.h"
#include "reply_words.h"
#include "text.h"

#define WAIT_MIN_MS 1000u

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

static void make_fit(struct text text, char said[REPLY_WORDS_MAX]) {
	struct reply_words w;
	reply_words_begin(&w, said);
	reply_words_add(&w, text);
}

/* The network's words, W&B's, or at least the status; all of it may quote somebody else. */
static void find_words(struct courier_answer *a) {
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
static uint64_t wait_ms(struct courier *c, const struct courier_answer *a, enum verdict verdict) {
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

void courier_fail(struct courier *c, const struct courier_answer *a, enum verdict verdict) {
	c->n_failed++;
	c->failing = a->asked;
	c->state = verdict == VERDICT_AGAIN || verdict == VERDICT_SLOWLY ? COURIER_WAITING
									 : COURIER_REFUSED;
	c->host_trouble = c->state == COURIER_WAITING && is_the_hosts(a->response);
	say(c, "%s", a->words);
	c->not_before_ns = a->now_ns + wait_ms(c, a, verdict) * NS_PER_MS;
	courier_drop_lines(c);
}

void courier_succeed(struct courier *c, const struct courier_answer *a) {
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

bool courier_fail_commonly(struct courier *c, const struct courier_answer *a) {
	if (a->verdict != VERDICT_AGAIN && a->verdict != VERDICT_SLOWLY &&
		a->verdict != VERDICT_KEY) {
		return false;
	}
	courier_fail(c, a, a->verdict);
	return true;
}

bool courier_answered(struct courier *c, enum courier_want asked,
	const struct http_response *response, uint64_t now_ns, double now_s, double chance) {
	struct courier_answer a = {
		.asked = asked,
		.response = response,
		.verdict = retry_judge(response->transport, response->status),
		.now_ns = now_ns,
		.now_s = now_s,
		.chance = chance,
	};
	uint32_t n_failed = c->n_failed;
	c->busy = false;
	if (a.verdict != VERDICT_ACCEPTED) {
		find_words(&a);
	}
	if (asked == COURIER_UPSERT) {
		courier_upsert_answered(c, &a);
	} else if (asked == COURIER_STATUS) {
		courier_status_answered(c, &a);
	} else {
		courier_stream_answered(c, &a);
	}
	bool failed = c->n_failed > n_failed;
	courier_resume_if_wanted(c);
	return !failed;
}

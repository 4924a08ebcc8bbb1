/* The lines, the summary and the end: in one request, and what W&B says to it. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "courier_private.h"
#include "payload.h"

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
		struct buf room = *out;
		*out = c->content;
		c->content = room;
	}
	return payload_stream(out, &stream);
}

static void grow(struct courier *c) {
	c->lean = false;
	c->lines_max = c->lines_max * 2 < COURIER_LINES_MAX ? c->lines_max * 2 : COURIER_LINES_MAX;
	if (c->lines_len * 2 > c->bytes_max && c->bytes_max < c->policy->batch_max) {
		c->bytes_max = c->bytes_max * 2 < c->policy->batch_max ? c->bytes_max * 2
								       : c->policy->batch_max;
	}
}

static void accepted(struct courier *c, const struct courier_answer *a) {
	struct forward_cursor *cursor = &c->cursor;
	c->stop_wanted |= reply_says_stopped(a->response->body);
	c->sent_ns = a->now_ns;
	c->checked_ns = 0;
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
	courier_succeed(c, a);
}

/* Before a line or a summary is called bad, W&B shows that it takes anything at all. */
static void suspect(struct courier *c) {
	c->probing = true;
	c->catching_up = true;
	courier_drop_lines(c);
}

static void refuse_line(struct courier *c, const struct courier_answer *a) {
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

static void refuse_summary(struct courier *c, const struct courier_answer *a) {
	c->empty_taken = false;
	c->summary_refused = c->summary_hash;
	snprintf(c->event, sizeof c->event, "W&B did not take the summary: %s", a->words);
	c->save = FORWARD_SAVE_CURSOR;
}

/* Something in the request is at fault: found by leaving out half of what may be. */
static void bisect(struct courier *c, const struct courier_answer *a) {
	if (c->probing) {
		c->probing = false;
		courier_fail(c, a, VERDICT_SLOWLY);
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
	} else if ((c->n_lines == 1 || c->asks_summary) && a->verdict != VERDICT_TOO_LARGE &&
		   !c->empty_taken) {
		suspect(c);
		return;
	} else if (c->n_lines == 1) {
		refuse_line(c, a);
		return;
	} else if (c->asks_summary) {
		refuse_summary(c, a);
		return;
	} else {
		courier_fail(c, a, VERDICT_SLOWLY);
		return;
	}
	c->catching_up = true; /* the rest follows at once */
	courier_drop_lines(c);
}

static void stream_failed(struct courier *c, struct courier_answer *a) {
	if (a->response->transport == TRANSPORT_TIMEOUT && c->n_lines > 1) {
		c->bytes_max = c->lines_len / 2 + 1;
	}
	if (courier_fail_commonly(c, a)) {
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

void courier_stream_answered(struct courier *c, struct courier_answer *a) {
	if (a->verdict == VERDICT_ACCEPTED) {
		accepted(c, a);
	} else {
		stream_failed(c, a);
	}
}

#include "effects.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "ending.h"
#include "registry_private.h"
#include "run_windows.h"
#include "settle.h"
#include "text.h"

enum apply_result apply_refuse(
	struct apply_error *ret, enum error_code code, uint64_t seq, const char *format, ...) {
	va_list args;

	ret->code = code;
	ret->seq = seq;
	va_start(args, format);
	(void)vsnprintf(ret->words, sizeof ret->words, format, args);
	va_end(args);
	return APPLY_REFUSED;
}

/* ---- LOG ---- */

/* A line is closed for a stream that has passed its step: that depends on the stream alone, and not on
 * how far the others are. */
static bool line_is_closed(const struct stream *s, int64_t step) {
	const struct run *run = s->run;

	return s->at.lap < run->folded.lap || step < s->at.step ||
	       (s->at.lap == run->folded.lap && step <= run->lines.closed_through);
}

/* Steps move the lines on. Before the first one it is what is logged for a later step: at once where nobody else
 * logs, so that a run without steps is seen while it goes on; else when room is needed. */
static void close_before(struct run *run, struct place place, size_t size, double time) {
	bool alone = run->world_size == 1;
	struct place lowest;
	while (!run->broken && lines_lowest(&run->lines, &lowest) &&
		place_compare(lowest, place) < 0 &&
		(alone || !lines_have_room(&run->lines, place, size))) {
		attempt_ensure(run, lowest, time);
		line_close_lowest(run);
	}
}

/* In a lap that has no step yet, and nobody else is in the one before: of that one nothing more comes. */
static bool begins_alone(const struct stream *s) {
	return s->run->world_size == 1 && s->at.lap > s->run->folded.lap;
}

/* Of a lap that has not begun it is no beginning either: the others may still be in the one before. */
static void log_loose(struct stream *s, struct place place, struct line_part *part) {
	struct run *run = s->run;

	if (place.lap <= run->folded.lap) {
		attempt_ensure(run, place, part->time);
	}
	if (line_part_emit_loose(
		    part, (uint32_t)place.step, attempt_of(run, place), &run->changes) < 0) {
		run_break(run);
	}
}

/* Without a step it is of the one its stream is at; before the first, where nobody else logs, of the newest it logged. */
static int64_t log_step(const struct stream *s, const struct msg_log *log) {
	const struct run *run = s->run;
	struct place newest;
	if (log->has_step) {
		return log->step;
	}
	if (s->at.step >= 0) {
		return s->at.step;
	}
	bool has_logged = run->world_size == 1 && lines_highest(&run->lines, &newest) &&
			  newest.lap == s->at.lap;
	return has_logged ? newest.step : 0;
}

static enum apply_result effect_log(
	struct stream *s, const struct msg_log *log, struct apply_error *ret_error) {
	struct run *run = s->run;
	uint32_t lap = stream_lap_of_log(s, log);
	if (lap > s->at.lap) {
		stream_move(s, (struct place){lap, -1}, false);
	}
	struct place place = {s->at.lap, log_step(s, log)};
	struct line_part *part = line_part_of_log(log, s->rank);
	if (part == NULL) {
		run_break(run);
		return APPLY_TAKEN;
	}
	part->elapsed_s = stream_elapsed_s(s, log->elapsed_s);
	run_note_elapsed(run, part->elapsed_s);

	if (line_is_closed(s, place.step)) {
		log_loose(s, place, part);
		return APPLY_TAKEN;
	}
	if (!run->settled || begins_alone(s)) {
		close_before(run, place, part->size, log->time);
	}
	if (!lines_have_room(&run->lines, place, part->size)) {
		free(part);
		return apply_refuse(ret_error, ERROR_NO_ROOM, log->seq,
			"too much is logged ahead of step %lld: %u lines, %zu bytes",
			(long long)s->at.step, run->lines.count, run->lines.bytes);
	}
	if (lines_add(&run->lines, place, part) < 0) {
		run_break(run);
	}
	return APPLY_TAKEN;
}

/* ---- EVENT, MARK, UPDATE ---- */

static void effect_event(struct stream *s, const struct msg_event *event) {
	struct run *run = s->run;
	struct change *change = changes_append(&run->changes, CHANGE_EVENT);
	char *kind = changes_text(&run->changes, event->kind);
	char *text = changes_text(&run->changes, event->text);
	if (change == NULL || kind == NULL || text == NULL) {
		run_break(run);
		return;
	}
	change->event = (struct change_event){
		.attempt = attempt_of(run, s->at),
		.step = event->has_step ? event->step : STEP_NONE,
		.time = event->time,
		.kind = kind,
		.text = text,
	};
}

static bool is_marked(const struct run *run, uint32_t step) {
	if (run->n_marks == 0) {
		return false;
	}
	const struct known_mark *newest = &run->marks[run->n_marks - 1];
	return newest->attempt == run->attempt && newest->step == step;
}

/* Whether the run stands after the step that is marked. Right behind the stream's own STEP it does; where
 * that was dropped or refused it may or may not, by how far the others are, so it counts as not. */
static bool stands_after(const struct stream *s, uint32_t step) {
	const struct run *run = s->run;

	return s->at_folded && s->at.step == step && place_compare(s->at, run->folded) == 0;
}

static void effect_mark(struct stream *s, const struct msg_mark *mark) {
	struct run *run = s->run;
	if (!stands_after(s, mark->step)) {
		run_event(run, attempt_of(run, s->at), mark->step, mark->time, "mark",
			"a checkpoint of step %u makes no restore point: it does not follow that "
			"step of rank %u",
			mark->step, s->rank);
		return;
	}
	if (is_marked(run, mark->step)) {
		return; /* another rank's word of the same checkpoint */
	}
	uint8_t *state;
	size_t len;
	struct change *change = changes_append(&run->changes, CHANGE_MARK);
	char *text = changes_text(&run->changes, mark->text);
	if (change == NULL || text == NULL || state_write(run, &state, &len) < 0) {
		run_break(run);
		return;
	}
	uint8_t *copy = changes_alloc(&run->changes, len);
	if (copy != NULL) {
		memcpy(copy, state, len);
	} else {
		run_break(run);
	}
	free(state);
	change->mark = (struct change_mark){
		.attempt = run->attempt,
		.step = mark->step,
		.time = mark->time,
		.text = text,
		.state = copy,
		.state_len = len,
	};
	attempt_remember_mark(run);
}

static void effect_update(struct run *run, const struct msg_update *update) {
	struct facts *f = &run->facts;

	if (facts_set(f, FACT_NAME, update->name) < 0 ||
		facts_set(f, FACT_NOTES, update->notes) < 0 ||
		facts_set(f, FACT_CONFIG, update->config) < 0 ||
		(update->has_tags && facts_set_list(f, FACT_TAGS, &update->tags) < 0) ||
		(update->summary.data != NULL &&
			summary_overlay(&run->summary, update->summary) < 0)) {
		run_break(run);
	}
}

/* ---- all of them ---- */

static void effect_dropped(struct stream *s, struct place place) {
	if (place.step >= 0 && place_compare(place, s->at) > 0) {
		stream_move(s, place, false);
	}
}

enum apply_result effect_message(struct stream *s, enum message_type type, const void *body,
	struct place place, struct instant now, struct apply_error *ret_error) {
	struct run *run = s->run;

	run->dirty = true;
	switch (type) {
	case MSG_LOG:
		return effect_log(s, body, ret_error);
	case MSG_EVENT:
		effect_event(s, body);
		break;
	case MSG_MARK:
		effect_mark(s, body);
		break;
	case MSG_UPDATE:
		effect_update(run, body);
		break;
	case MSG_DROPPED:
		effect_dropped(s, place);
		break;
	case MSG_FINISH:
		ending_finish(s, body, now);
		break;
	default:
		break;
	}
	return APPLY_TAKEN;
}

void effect_held(struct stream *s, struct held *item, struct instant now) {
	struct apply_error error;

	if (effect_message(s, item->type, &item->log, item->place, now, &error) == APPLY_REFUSED) {
		item->end = SEQ_REFUSED;
		registry_notify_error(s->run->registry, s, &error);
	}
}

void effect_ended(struct stream *s, struct place place, enum seq_end end) {
	if (place.step < 0) {
		return;
	}
	run_blame(s->run, place, end == SEQ_LATE ? FLAW_LATE : FLAW_REFUSED);
	if (place_compare(place, s->at) > 0) {
		stream_move(s, place, false);
	}
}

/* How messages are received: seqs in order (R1, R4), contents checked against the run, then taken into
 * effect, into the assembly, or into the queue behind a step that waits. */
#include "registry.h"

#include <stdio.h>

#include "attempt.h"
#include "effects.h"
#include "fold.h"
#include "message_flaw.h"
#include "presence.h"
#include "registry_private.h"
#include "settle.h"
#include "stream.h"

struct reception {
	struct stream *stream;
	struct run *run;
	const struct message *message;
	uint64_t seq, last; /* a DROPPED covers several */
	struct instant now;
	struct apply_error *error;
};

static const struct place no_place = {0, -1};

/* Ends the reception's seqs without effect. `place`: of a STEP. */
static enum apply_result end_seqs(const struct reception *in, struct place place, enum seq_end end,
	enum apply_result result) {
	int err = stream_end_seqs(in->stream, in->last, place, end, in->now);

	return err < 0 ? APPLY_BROKEN : result;
}

static enum apply_result block(struct stream *s) {
	s->blocked = true;
	return APPLY_LATER;
}

/* What the stream is about to send is evidence already, though it has to wait. */
static void announce(const struct reception *in, struct place place) {
	in->stream->announced = place;
	run_settle(in->run, in->now);
}

/* ---- STEP ---- */

/* What is wrong with a STEP: false, and the reason is in the error. */
static bool step_check(const struct reception *in, const struct msg_step *step) {
	const struct stream *s = in->stream;

	if (step->n_scalars != s->n_scalars) {
		(void)apply_refuse(in->error, ERROR_BAD_VALUE, in->seq,
			"step %u has %u scalars, OPEN named %u", step->step, step->n_scalars,
			s->n_scalars);
		return false;
	}
	const char *flaw = step_counts_flaw(step, in->run->d_sae);
	if (flaw != NULL) {
		(void)apply_refuse(in->error, ERROR_BAD_COUNTS, in->seq, "counts of step %u: %s",
			step->step, flaw);
	}
	return flaw == NULL;
}

/* Folded as it came, without a copy: of a run with one rank, or what cannot wait any longer. */
static enum apply_result step_direct(const struct reception *in, struct place place) {
	const struct msg_step *step = &in->message->step;
	struct stream *s = in->stream;
	struct run *run = in->run;
	struct scalars *scalars = &run->registry->scalars;

	if (!attempt_ready(run, place, step->time)) {
		return block(s);
	}
	stream_scalars(s, step, run->extras.count, scalars);
	bool has_counts = step->nonzero.form != COUNTS_NONE;
	struct folding folding = {
		.place = place,
		.at = {step->time, stream_elapsed_s(s, step->elapsed_s)},
		.scalars = scalars,
		.nonzero = has_counts ? &step->nonzero : NULL,
		.positive = &step->positive,
		.ranks_missing = run->world_size - 1,
	};
	run_fold(run, &folding, in->now);
	stream_move(s, place, true);
	s->reached = place;
	stream_advance(s, in->last, SEQ_TAKEN);
	run_close_passed_lines(run);
	return APPLY_TAKEN;
}

static enum apply_result step_pend(
	const struct reception *in, struct place place, struct pending *slot) {
	const struct msg_step *step = &in->message->step;
	struct stream *s = in->stream;
	struct run *run = in->run;
	struct held *item = held_create(HELD_STEP, in->last);
	if (item == NULL) {
		return APPLY_BROKEN;
	}
	item->place = place;

	struct rank_part part = {
		.time = step->time,
		.elapsed_s = stream_elapsed_s(s, step->elapsed_s),
	};
	stream_scalars(s, step, run->extras.count, &part.scalars);
	bool has_counts = step->nonzero.form != COUNTS_NONE;
	bool has_positive = step->positive.form != COUNTS_NONE;
	if (assembly_add(&run->assembly, slot, s->rank, &part, has_counts ? &step->nonzero : NULL,
		    has_positive ? &step->positive : NULL) < 0) {
		held_destroy(item);
		return APPLY_BROKEN;
	}
	if ((slot->have & (slot->have - 1)) == 0) {
		slot->since_ms = in->now.mono_ms;
	}
	held_push(&s->held, item);
	s->received = in->last;
	s->reached = place;
	run_settle(run, in->now);
	return APPLY_TAKEN;
}

static enum apply_result receive_step(const struct reception *in) {
	const struct msg_step *step = &in->message->step;
	struct run *run = in->run;
	presence_heard(in->stream, in->now);
	if (step->step > STEP_MAX || step->lap > LAP_MAX) {
		return end_seqs(in, no_place, SEQ_REFUSED,
			apply_refuse(in->error, ERROR_BAD_STEP, in->seq,
				"step %u of lap %u is above step %u, lap %u", step->step, step->lap,
				STEP_MAX, LAP_MAX));
	}
	struct place reached = in->stream->reached;
	struct place place = stream_place(in->stream, step->lap, step->step);
	if (place_compare(place, reached) <= 0) {
		return end_seqs(in, no_place, SEQ_REFUSED,
			apply_refuse(in->error, ERROR_BAD_STEP, in->seq,
				"step %u of lap %u does not come after step %lld, lap %u; a step "
				"that goes back is of the next lap",
				step->step, step->lap, (long long)reached.step,
				reached.lap - in->stream->lap_base));
	}
	in->stream->has_sent_step = true;
	if (!step_check(in, step)) {
		return end_seqs(in, place, SEQ_REFUSED, APPLY_REFUSED);
	}
	if (place_compare(place, run->folded) <= 0) {
		return end_seqs(in, place, SEQ_LATE,
			apply_refuse(in->error, ERROR_LATE, in->seq,
				"step %u had been folded without rank %u", step->step,
				in->stream->rank));
	}
	run->ended = false;
	if (run->world_size == 1) {
		return step_direct(in, place);
	}

	struct pending *slot;
	enum assembly_admission admission = assembly_admit(&run->assembly, place, &slot);
	if (admission == ASSEMBLY_FULL) {
		announce(in, place);
		admission = assembly_admit(&run->assembly, place, &slot);
	}
	switch (admission) {
	case ASSEMBLY_ADMITTED:
		return step_pend(in, place, slot);
	case ASSEMBLY_LOWEST:
		return step_direct(in, place);
	case ASSEMBLY_FULL:
		break;
	}
	return block(in->stream);
}

/* ---- RESTORE ---- */

static enum apply_result receive_restore(const struct reception *in) {
	const struct msg_restore *restore = &in->message->restore;
	struct stream *s = in->stream;
	struct run *run = in->run;
	struct place place = stream_place(s, restore->lap, restore->step);
	uint32_t lap_min = s->reached.lap + (s->reached.step >= 0 ? 1 : 0);

	struct state_view view;
	const char *flaw =
		restore->step <= STEP_MAX && restore->lap <= LAP_MAX
			? state_read(restore->state, restore->state_len, run->d_sae, &view)
			: "its step or lap is out of range";
	if (flaw == NULL && view.position.step != restore->step) {
		flaw = "it is not the state of that step";
	}
	if (flaw == NULL && place.lap < lap_min) {
		flaw = "behind a step or another state it begins the next lap";
	}
	bool begun = run->settled && place.lap <= run->folded.lap;
	bool is_again = begun && run->restored && place_compare(place, run->folded) == 0;
	if (flaw == NULL && begun && !is_again) {
		flaw = "steps were folded before it came";
	}
	if (flaw != NULL) {
		return end_seqs(in, no_place, SEQ_REFUSED,
			apply_refuse(in->error, ERROR_BAD_STATE, in->seq, "state: %s", flaw));
	}

	/* The lap before is over for this rank; what still pends of it is folded first. */
	announce(in, (struct place){place.lap, -1});
	struct pending *lowest = assembly_lowest(&run->assembly);
	if (stream_holds(s) || (lowest != NULL && lowest->place.lap < place.lap)) {
		return block(s);
	}
	if (!is_again) {
		attempt_restore(run, place, &view, restore->time);
	}
	s->at = s->reached = place;
	s->at_folded = false;
	stream_advance(s, in->last, SEQ_TAKEN);
	run_settle(run, in->now);
	return APPLY_TAKEN;
}

/* ---- the others ---- */

/* What others may conclude from a message already when it is received. */
static struct place note_evidence(struct stream *s, const struct message *m) {
	if (m->type == MSG_FINISH) {
		s->finishing = true;
	}
	if (m->type == MSG_LOG && stream_lap_of_log(s, &m->log) > s->reached.lap) {
		s->reached = (struct place){stream_lap_of_log(s, &m->log), -1};
	}
	if (m->type != MSG_DROPPED || !m->dropped.has_step) {
		return no_place;
	}
	/* One whose beginning is known already may name a step that is known, too. */
	struct place last = stream_place(s, m->dropped.lap, m->dropped.step);
	if (place_compare(last, s->reached) > 0) {
		s->reached = last;
	}
	return last;
}

static enum apply_result receive_other(const struct reception *in) {
	const struct message *m = in->message;
	struct stream *s = in->stream;
	const char *flaw = message_flaw(m);
	if (flaw != NULL) {
		return end_seqs(in, no_place, SEQ_REFUSED,
			apply_refuse(in->error, ERROR_BAD_VALUE, in->seq, "%s: %s",
				message_name(m->type), flaw));
	}

	enum seq_end end = m->type == MSG_DROPPED ? SEQ_DROPPED : SEQ_TAKEN;
	if (stream_holds(s)) {
		if (!held_has_room(&s->held, held_copy_bytes(m))) {
			return block(s);
		}
		struct held *item = held_copy(m, in->last);
		if (item == NULL) {
			return APPLY_BROKEN;
		}
		item->end = end;
		item->place = note_evidence(s, m);
		held_push(&s->held, item);
		s->received = in->last;
		run_settle(in->run, in->now);
		return APPLY_TAKEN;
	}

	struct place place = note_evidence(s, m);
	enum apply_result result = effect_message(s, m->type, &m->log, place, in->now, in->error);
	stream_advance(s, in->last, result == APPLY_REFUSED ? SEQ_REFUSED : end);
	run_settle(in->run, in->now);
	return result;
}

static enum apply_result receive_log(const struct reception *in) {
	const struct msg_log *log = &in->message->log;
	const struct stream *s = in->stream;

	if (log->lap > LAP_MAX || (log->lap != 0 && stream_lap_of_log(s, log) < s->reached.lap)) {
		return end_seqs(in, no_place, SEQ_REFUSED,
			apply_refuse(in->error, ERROR_BAD_STEP, in->seq,
				"LOG: lap %u is out of range, or over: its stream is in lap %u",
				log->lap, s->reached.lap - s->lap_base));
	}
	return receive_other(in);
}

/* ---- all of them ---- */

/* The last seq it covers. */
static uint64_t message_last(const struct message *m) {
	if (m->type == MSG_DROPPED && message_flaw(m) == NULL) {
		return m->dropped.seq + m->dropped.count - 1;
	}
	return message_seq(m);
}

/* Whether the seqs up to `last` come now; else *ret says what to do with them. A DROPPED that grew since
 * its beginning was received counts from where it is new. */
static bool is_due(const struct stream *s, uint64_t seq, uint64_t last, enum apply_result *ret) {
	if (s->run->broken) {
		*ret = APPLY_BROKEN;
	} else if (last <= s->received) {
		*ret = APPLY_DISCARDED;
	} else if (seq > s->received + 1) {
		*ret = APPLY_OUT_OF_ORDER;
	} else {
		return true;
	}
	return false;
}

static enum apply_result receive(const struct reception *in) {
	struct stream *s = in->stream;

	if (stream_holds(s) && s->held.count >= HELD_ITEMS_MAX) {
		return block(s);
	}
	if (s->finishing) {
		return end_seqs(in, no_place, SEQ_REFUSED,
			apply_refuse(in->error, ERROR_BAD_MESSAGE, in->seq,
				"FINISH was this stream's last message"));
	}
	switch (in->message->type) {
	case MSG_STEP:
		return receive_step(in);
	case MSG_RESTORE:
		return receive_restore(in);
	case MSG_LOG:
		return receive_log(in);
	default:
		return receive_other(in);
	}
}

enum apply_result registry_apply(struct registry *r, struct stream *stream, const struct message *m,
	struct instant now, struct apply_error *ret_error) {
	struct reception in = {
		.stream = stream,
		.run = stream->run,
		.message = m,
		.seq = message_seq(m),
		.last = message_last(m),
		.now = now,
		.error = ret_error,
	};
	enum apply_result result;
	(void)r;

	if (!is_due(stream, in.seq, in.last, &result)) {
		return result;
	}
	in.run->last_seen = now.wall;
	result = receive(&in);
	return in.run->broken ? APPLY_BROKEN : result;
}

enum apply_result registry_apply_bad(
	struct registry *r, struct stream *stream, uint64_t seq, struct instant now) {
	struct reception in = {
		.stream = stream, .run = stream->run, .seq = seq, .last = seq, .now = now};
	enum apply_result result;
	(void)r;

	if (!is_due(stream, seq, seq, &result)) {
		return result;
	}
	if (stream_holds(stream) && stream->held.count >= HELD_ITEMS_MAX) {
		return block(stream);
	}
	in.run->last_seen = now.wall;
	return end_seqs(&in, no_place, SEQ_REFUSED, APPLY_REFUSED);
}

#include "settle.h"

#include <errno.h>

#include "attempt.h"
#include "effects.h"
#include "fold.h"

bool rank_has_passed(const struct run *run, uint32_t rank, struct place place) {
	const struct stream *s = run->ranks[rank];

	if ((run->gone_ranks >> rank & 1) != 0) {
		return true;
	}
	return s != NULL && (s->finishing || place_compare(s->reached, place) >= 0 ||
				    place_compare(s->announced, place) > 0);
}

static bool is_complete(const struct run *run, const struct pending *p) {
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		if ((p->have >> rank & 1) == 0 && !rank_has_passed(run, rank, p->place)) {
			return false;
		}
	}
	return true;
}

static void fold_pending(struct run *run, struct pending *p, struct instant now) {
	struct rank_part merged;
	struct counts nonzero, positive;
	bool has_counts = pending_counts(&run->assembly, p, &nonzero, &positive);

	pending_merge(&run->assembly, p, &merged);
	struct folding in = {
		.place = p->place,
		.at = {merged.time, merged.elapsed_s},
		.scalars = &merged.scalars,
		.nonzero = has_counts ? &nonzero : NULL,
		.positive = &positive,
		.counts_missing = p->counts_missing,
		.ranks_missing = run->world_size - (uint32_t)__builtin_popcountll(p->have),
	};
	run_fold(run, &in, now);
	pending_release(p);
}

/* The items whose turn has come. */
static void stream_drain(struct stream *s, struct instant now) {
	struct run *run = s->run;

	while (stream_holds(s) && !run->broken) {
		struct held *item = s->held.first;
		if (item->kind == HELD_STEP && place_compare(item->place, run->folded) > 0) {
			return;
		}
		if (item->kind == HELD_STEP) {
			stream_move(s, item->place, true);
		} else if (item->kind == HELD_MESSAGE) {
			effect_held(s, item, now);
		} else {
			effect_ended(s, item->place, item->end);
		}
		stream_advance(s, item->seq_last, item->end);
		held_pop(&s->held);
	}
}

/* How far the lines are closed: what lies below is passed by every rank and by the core. */
static int64_t passed_by_all(const struct run *run) {
	int64_t passed = run->folded.step;

	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		const struct stream *s = run->ranks[rank];
		if ((run->gone_ranks >> rank & 1) != 0 || (s != NULL && s->finished)) {
			continue;
		}
		if (s == NULL || s->at.lap < run->folded.lap) {
			return -1;
		}
		if (s->at.lap == run->folded.lap && s->at.step < passed) {
			passed = s->at.step;
		}
	}
	return passed;
}

void run_close_passed_lines(struct run *run) {
	struct place lowest;
	if (run->lines.first == NULL || !run->settled) {
		return;
	}
	struct place passed = {run->folded.lap, passed_by_all(run)};
	while (!run->broken && lines_lowest(&run->lines, &lowest) &&
		place_compare(lowest, passed) < 0) {
		line_close_lowest(run);
	}
}

void run_settle(struct run *run, struct instant now) {
	struct pending *p;

	while (!run->broken && (p = assembly_lowest(&run->assembly)) != NULL &&
		is_complete(run, p) &&
		attempt_ready(run, p->place, p->parts[__builtin_ctzll(p->have)].time)) {
		fold_pending(run, p, now);
		list_for_each(drained, &run->streams) {
			stream_drain(container_of(drained, struct stream, link), now);
		}
		run_close_passed_lines(run);
		list_for_each(blocked, &run->streams) {
			stream_unblock(container_of(blocked, struct stream, link));
		}
	}
	run_close_passed_lines(run);
}

int stream_end_seqs(
	struct stream *s, uint64_t last, struct place place, enum seq_end end, struct instant now) {
	if (!stream_holds(s)) {
		effect_ended(s, place, end);
		stream_advance(s, last, end);
	} else {
		struct held *item = held_create(HELD_ENDED, last);
		if (item == NULL) {
			return -ENOMEM;
		}
		item->place = place;
		item->end = end;
		held_push(&s->held, item);
		s->received = last;
	}
	if (place.step >= 0 && place_compare(place, s->reached) > 0) {
		s->reached = place;
		run_settle(s->run, now);
	}
	return 0;
}

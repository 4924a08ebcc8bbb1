#include "presence.h"

#include <stdio.h>
#include <string.h>

#include "ending.h"
#include "registry_private.h"
#include "settle.h"
#include "stream.h"

static bool has_said_a_step(const struct stream *s) {
	return s->has_sent_step || s->reached.step >= 0 || s->announced.step >= 0;
}

/* A rank that has said no step at all while another was held up, as far ahead as it may be, for the grace
 * time: ranks that train together are never that far apart, so this one does not log. It stays so until
 * it does, dead or alive. */
static bool is_silent(struct run *run, uint32_t rank, uint64_t now_ms) {
	const struct stream *s = run->ranks[rank];
	uint64_t bit = 1ull << rank;
	const struct pending *p = assembly_lowest(&run->assembly);

	if (has_said_a_step(s) || s->finishing) {
		run->silent_ranks &= ~bit;
	} else if (!s->dead && p != NULL && assembly_full(&run->assembly) &&
		   now_ms - p->since_ms >= run->registry->options.rank_grace_ms) {
		run->silent_ranks |= bit;
	}
	return (run->silent_ranks & bit) != 0;
}

bool rank_is_mute(const struct run *run, uint32_t rank) {
	return (run->silent_ranks >> rank & 1) != 0 && !run->ranks[rank]->dead;
}

/* A rank that connects, or whose process lives, is waited for however long it takes, if it logs. Of one that
 * is known dead, or whose process is not known, or that never opened, the grace time's silence is the
 * evidence. */
static bool is_gone(struct run *run, uint32_t rank, uint64_t now_ms) {
	const struct stream *s = run->ranks[rank];
	uint64_t grace_ms = run->registry->options.rank_grace_ms;

	if (s == NULL) {
		return now_ms - run->waiting_since_ms >= grace_ms;
	}
	if (is_silent(run, rank, now_ms)) {
		return true;
	}
	return !s->connected && !s->finished && (s->dead || s->pid == 0) &&
	       now_ms - s->absent_since_ms >= grace_ms;
}

/* Whether there is anybody who goes on without those that are gone. */
static bool goes_on(const struct run *run) {
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		const struct stream *s = run->ranks[rank];
		if (s != NULL && !s->finished && !s->dead && (run->gone_ranks >> rank & 1) == 0) {
			return true;
		}
	}
	return false;
}

static void note_changes(struct run *run, uint64_t before, struct instant now) {
	for (uint32_t rank = 0; rank < run->world_size && goes_on(run); rank++) {
		uint64_t bit = 1ull << rank;
		char words[RANK_WORDS];
		if ((run->gone_ranks & ~before & bit) != 0) {
			rank_absence(run, rank, now, words);
			run_event(run, run->attempt, -1, now.wall, "rank_missing",
				"%s: the others go on", words);
			run->untold_ranks |= bit;
		} else if ((before & ~run->gone_ranks & bit) != 0) {
			run_event(run, run->attempt, -1, now.wall, "rank_back",
				"rank %u is waited for again", rank);
		}
	}
}

static void set_gone(struct run *run, uint64_t gone, struct instant now) {
	uint64_t before = run->gone_ranks;

	if (gone == before) {
		return;
	}
	run->gone_ranks = gone;
	note_changes(run, before, now);
	run_settle(run, now);
	run_check_end(run, now);
}

void presence_update(struct run *run, struct instant now) {
	uint64_t gone = 0;
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		gone |= is_gone(run, rank, now.mono_ms) ? 1ull << rank : 0;
	}
	set_gone(run, gone, now);
}

void presence_heard(struct stream *s, struct instant now) {
	struct run *run = s->run;
	uint64_t bit = 1ull << s->rank;

	if ((run->silent_ranks & bit) != 0 && run->ranks[s->rank] == s) {
		run->silent_ranks &= ~bit;
		set_gone(run, run->gone_ranks & ~bit, now);
	}
}

bool run_tell_of_rank(struct run *run, struct instant now, char *out, size_t size) {
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		if (run->ranks[rank] != NULL && run->ranks[rank]->finished) {
			run->untold_ranks &=
				~(1ull << rank); /* its word came after its process's end: a note */
		}
	}
	if (run->untold_ranks == 0) {
		return false;
	}
	uint32_t rank = (uint32_t)__builtin_ctzll(run->untold_ranks);
	char words[RANK_WORDS];
	run->untold_ranks &= run->untold_ranks - 1;
	rank_absence(run, rank, now, words);
	(void)snprintf(out, size, "%s%s", words,
		(run->gone_ranks >> rank & 1) != 0 ? ": the others go on" : "");
	return true;
}

void registry_disconnected(struct registry *r, struct stream *stream, struct instant now) {
	(void)r;
	stream->connected = false;
	stream->user = NULL;
	stream->blocked = false;
	stream->absent_since_ms = now.mono_ms;
	list_remove(&stream->unblocked_link);
	presence_update(stream->run, now);
}

void registry_process_dead(struct registry *r, struct stream *stream, struct instant now) {
	(void)r;
	if (stream->dead) {
		return;
	}
	stream->dead = true;
	stream->absent_since_ms = now.mono_ms;
	if (!stream->finished && stream->run->ranks[stream->rank] == stream) {
		stream->run->untold_ranks |= 1ull << stream->rank;
	}
	presence_update(stream->run, now);
}

/* A state that only shows (stalled, crashed) is worth a row when it changes. */
static void show_state(struct run *run, struct instant now) {
	const char *state = run_state(run, now);
	if (strcmp(state, run->shown_state) != 0) {
		run->shown_state = state;
		run->dirty = true;
	}
}

void registry_tick(struct registry *r, struct instant now) {
	list_for_each(link, &r->runs) {
		struct run *run = container_of(link, struct run, link);
		if (!run->broken) {
			presence_update(run, now);
			show_state(run, now);
		}
	}
}

#include "presence.h"

#include <stdio.h>
#include <string.h>

#include "ending.h"
#include "registry_private.h"
#include "settle.h"
#include "stream.h"

/* A rank that connects, or whose process lives, is waited for however long it takes. Of one that is known
 * dead, or whose process is not known, or that never opened, the grace time's silence is the evidence. */
static bool is_gone(const struct run *run, uint32_t rank, uint64_t now_ms) {
	const struct stream *s = run->ranks[rank];
	uint64_t grace_ms = run->registry->options.rank_grace_ms;

	if (s == NULL) {
		return now_ms - run->waiting_since_ms >= grace_ms;
	}
	return !s->connected && !s->finished && (s->dead || s->pid == 0) &&
	       now_ms - s->absent_since_ms >= grace_ms;
}

void presence_update(struct run *run, struct instant now) {
	uint64_t gone = 0;
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		gone |= is_gone(run, rank, now.mono_ms) ? 1ull << rank : 0;
	}
	if (gone == run->gone_ranks) {
		return;
	}
	run->gone_ranks = gone;
	run_settle(run, now);
	run_check_end(run, now);
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

#include "ending.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "presence.h"
#include "registry_private.h"
#include "run_windows.h"
#include "stream.h"

static const char *stream_end_state(const struct run *run, const struct stream *s) {
	if (s->state[0] != '\0') {
		return s->state;
	}
	if (s->exit_code != 0) {
		return "failed";
	}
	return run->stopped || run->stop_reason != NULL ? "stopped" : "finished";
}

/* What the run is when its ranks ended in different ways: the worst of them. A constant of ours. */
static const char *worse(const char *a, const char *b) {
	static const char *const worst_first[] = {"failed", "crashed", "preempted", "stopped"};

	for (size_t i = 0; i < sizeof worst_first / sizeof worst_first[0]; i++) {
		if (strcmp(a, worst_first[i]) == 0 || strcmp(b, worst_first[i]) == 0) {
			return worst_first[i];
		}
	}
	return "finished";
}

/* The words kept are those of the rank that ended worst: where one fails, the others are often
 * ended for it, and say so. */
static void keep_words(struct run *run, const struct stream *s, struct text words) {
	const char *state = worse(stream_end_state(run, s), "finished");
	const char *kept = run->end_words_state;
	if (words.len == 0 || run->ranks[s->rank] != s ||
		(kept != NULL && strcmp(worse(state, kept), kept) == 0)) {
		return;
	}
	char *copy = strndup(words.data, words.len);
	if (copy == NULL) {
		run_break(run);
		return;
	}
	free(run->end_words);
	run->end_words = copy;
	run->end_words_state = state;
	run->end_words_rank = s->rank;
}

static void forget_words(struct run *run) {
	free(run->end_words);
	run->end_words = NULL;
	run->end_words_state = NULL;
}

void run_forget_end(struct run *run) {
	run->ended = run->has_exit_code = false;
	run->end_state = NULL;
	run->ended_at = 0;
	forget_words(run);
}

void run_forget_words_of(struct run *run, uint32_t rank) {
	if (run->end_words_rank == rank) {
		forget_words(run);
	}
}

struct end {
	const char *state;
	int32_t exit_code; /* the first of those that ended worst; where they have none, of any */
	bool any_said;
};

static void end_add(struct end *end, const char *state, int32_t exit_code) {
	bool is_worse = strcmp(worse(state, end->state), end->state) != 0;
	if (exit_code != 0 && (is_worse || end->exit_code == 0)) {
		end->exit_code = exit_code;
	}
	end->state = worse(state, end->state);
}

/* False: some rank goes on. */
static bool all_ended(const struct run *run, struct end *ret) {
	*ret = (struct end){.state = "finished"};
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		const struct stream *s = run->ranks[rank];
		if (s != NULL && s->finished) {
			end_add(ret, stream_end_state(run, s), s->exit_code);
			ret->any_said = true;
		} else if ((run->gone_ranks >> rank & 1) != 0 && !rank_is_mute(run, rank)) {
			end_add(ret, "crashed", 0);
		} else {
			return false;
		}
	}
	return true;
}

static void run_end(struct run *run, double time, struct instant now) {
	struct end end;
	if (!all_ended(run, &end) || !end.any_said || run->ended) {
		return;
	}
	run->ended = true;
	run->end_state = end.state;
	run->has_exit_code = true;
	run->exit_code = end.exit_code;
	run->ended_at = isfinite(time) && time > 0 ? time : now.wall;
	if (run->end_words != NULL && strcmp(run->end_words_state, end.state) != 0) {
		forget_words(run); /* the worst of them said nothing */
	}
	if (run->settled) {
		run_window_emit_partial(run, &(struct frame_time){time, run->pace.last_elapsed_s});
	}
	lines_close_all(run, time);
	run_alerts_end(run, run->ended_at);
	run->dirty = true;
}

void run_check_end(struct run *run, struct instant now) {
	run_end(run, now.wall, now);
}

void ending_finish(struct stream *s, const struct msg_finish *finish, struct instant now) {
	s->finished = true;
	s->exit_code = finish->exit_code;
	(void)snprintf(s->state, sizeof s->state, "%.*s", (int)finish->state.len,
		finish->state.data != NULL ? finish->state.data : "");
	keep_words(s->run, s, finish->words);
	run_end(s->run, finish->time, now);
}

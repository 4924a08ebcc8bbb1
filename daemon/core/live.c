/* What only a running daemon knows of a run: its pace, its connections, what it waits for. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "presence.h"
#include "registry_private.h"
#include "run.h"
#include "settle.h"
#include "stream.h"

static bool is_crashed(const struct run *run) {
	bool any = false;

	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		const struct stream *s = run->ranks[rank];
		if (s == NULL || s->finished) {
			continue;
		}
		bool is_gone = (run->gone_ranks >> rank & 1) != 0;
		if (s->connected || !(s->dead || is_gone)) {
			return false;
		}
		any = true;
	}
	return any;
}

static bool is_stalled(const struct run *run, uint64_t now_ms) {
	const struct registry_options *o = &run->registry->options;
	if (!run->has_last_ms) {
		return false;
	}
	double usual_ms = run->pace.step_s * 1000 * (double)o->stall_factor_pct / 100;
	double silent_ms = (double)(now_ms - run->last_ms);
	return silent_ms > usual_ms && silent_ms > (double)o->stall_min_ms;
}

const char *run_state(const struct run *run, struct instant now) {
	if (run->ended) {
		return run->end_state;
	}
	if (is_crashed(run)) {
		return "crashed";
	}
	if (run->stopped) {
		return "stopped";
	}
	return is_stalled(run, now.mono_ms) ? "stalled" : "running";
}

static const char *why_absent(const struct stream *s, char out[64]) {
	if (s == NULL) {
		return "never connected";
	}
	if (s->connected) {
		return "connected";
	}
	if (!s->dead) {
		return "not connected";
	}
	(void)snprintf(out, 64, "its process %d is dead", (int)s->pid);
	return out;
}

static double absent_s(const struct run *run, uint32_t rank, struct instant now) {
	const struct stream *s = run->ranks[rank];
	uint64_t since_ms = s != NULL ? s->absent_since_ms : run->waiting_since_ms;
	return (double)(now.mono_ms - since_ms) / 1000;
}

void rank_absence(const struct run *run, uint32_t rank, struct instant now, char out[RANK_WORDS]) {
	char why[64], age[FORMAT_MAX];

	if (rank_is_mute(run, rank)) {
		(void)snprintf(out, RANK_WORDS, "rank %u (process %d is there and logs no step)",
			rank, (int)run->ranks[rank]->pid);
	} else {
		(void)snprintf(out, RANK_WORDS, "rank %u (%s, for %s)", rank,
			why_absent(run->ranks[rank], why),
			format_age(age, absent_s(run, rank, now)));
	}
}

static bool is_lacked(const struct run *run, uint32_t rank) {
	const struct stream *s = run->ranks[rank];
	return (run->gone_ranks >> rank & 1) != 0 && (s == NULL || !s->finished);
}

static double lacked_s(const struct run *run, struct instant now) {
	double least_s = INFINITY;

	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		if (is_lacked(run, rank)) {
			least_s = fmin(least_s, absent_s(run, rank, now));
		}
	}
	return least_s;
}

/* In words, as many as fit. */
static void lacked_ranks(const struct run *run, struct instant now, char *out, size_t size) {
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t rank = 0; rank < run->world_size && len < size; rank++) {
		char words[RANK_WORDS];
		if (is_lacked(run, rank)) {
			rank_absence(run, rank, now, words);
			len += (size_t)snprintf(
				out + len, size - len, "%s%s", len > 0 ? ", " : "", words);
		}
	}
}

bool run_waits(const struct run *run, char *out, size_t size) {
	out[0] = '\0';
	if (run->mark_wait.waiting) {
		(void)snprintf(out, size, "the restore point of step %u", run->mark_wait.mark.step);
		return true;
	}
	const struct pending *p = assembly_lowest((struct assembly *)&run->assembly);
	for (uint32_t rank = 0; p != NULL && rank < run->world_size; rank++) {
		if ((p->have >> rank & 1) == 0 && !rank_has_passed(run, rank, p->place)) {
			char why[64];
			(void)snprintf(out, size, "rank %u at step %lld (%s)", rank,
				(long long)p->place.step, why_absent(run->ranks[rank], why));
			return true;
		}
	}
	return false;
}

static double window_fill(const struct window *w) {
	return w->length > 0 ? (double)w->n_steps / window_steps_expected(w) : 0;
}

void run_live(const struct run *run, struct instant now, struct run_live *ret) {
	const struct pace *pace = &run->pace;

	*ret = (struct run_live){
		.state = run_state(run, now),
		.step = run->position.has_step ? run->position.step : STEP_NONE,
		.world_size = run->world_size,
		.last_step_age_s =
			run->has_last_ms ? (double)(now.mono_ms - run->last_ms) / 1000 : -1,
		.steps_per_s = pace->step_s > 0 ? 1 / pace->step_s : 0,
		.rows_per_s = pace->step_s > 0 ? pace->rows / pace->step_s : 0,
		.window_fill = window_fill(&run->position.window),
		.bytes = run_bytes(run),
	};
	list_for_each(link, &run->streams) {
		ret->streams_connected += container_of(link, struct stream, link)->connected;
	}
	(void)run_waits(run, ret->waiting_for, sizeof ret->waiting_for);
	if (!run->ended && !is_crashed(run)) {
		lacked_ranks(run, now, ret->without, sizeof ret->without);
		ret->without_s = lacked_s(run, now);
	}
}

int run_stop(struct run *run, const char *reason) {
	char *copy = strdup(reason);
	if (copy == NULL) {
		return -ENOMEM;
	}
	free(run->stop_reason);
	run->stop_reason = copy;
	run->dirty = true;
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		if (run->ranks[rank] != NULL && run->ranks[rank]->connected) {
			registry_notify_stop(run->registry, run->ranks[rank], reason);
		}
	}
	return 0;
}

void run_tell(struct run *run, const char *kind, const char *words, struct instant now) {
	run_event(run, ATTEMPT_NONE, -1, now.wall, kind, "%s", words);
}

int run_ask_to_stop(struct run *run, const char *reason, struct instant now) {
	if (run->ended || is_crashed(run)) {
		return STOP_ENDED;
	}
	if (run->stop_reason != NULL) {
		return STOP_ASKED_BEFORE;
	}
	int err = run_stop(run, reason);
	if (err < 0) {
		return err;
	}
	run_event(run, run->attempt, -1, now.wall, "stop", "%s", reason);
	return STOP_ASKED;
}

const char *run_stop_reason(const struct run *run) {
	return run->stop_reason;
}

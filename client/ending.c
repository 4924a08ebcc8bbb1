/* How a run ends: finished, closed, or with the process. */
#include <errno.h>
#include <string.h>

#include "deadline.h"
#include "encode.h"
#include "note.h"
#include "run.h"
#include "say.h"
#include "sender.h"
#include "text.h"

#define EXIT_BUDGET_MS 5000u

/* What a run ends with. */
struct end {
	int exit_code;
	struct text state, words;
};

/* The first line, as far as it fits. What cannot be said is left out: the run ends all the same. */
static struct text end_words(const char *words) {
	struct text text = {0};
	if (words == NULL) {
		return text;
	}

	text = text_of(words, strcspn(words, "\n"));
	text.len = text_fit(text, RUN_END_WORDS_MAX);
	return text.len == 0 || text_flaw(text, false) != NULL ? (struct text){0} : text;
}

/* -EINVAL: no such state. */
static int end_init(struct end *end, int exit_code, const char *state, const char *words) {
	static const char *const states[] = {"finished", "failed", "preempted", "stopped"};

	*end = (struct end){.exit_code = exit_code, .words = end_words(words)};
	for (size_t i = 0; state != NULL && i < sizeof states / sizeof states[0]; i++) {
		if (strcmp(state, states[i]) == 0) {
			end->state = text_of(states[i], strlen(states[i]));
		}
	}
	return state != NULL && end->state.data == NULL ? -EINVAL : 0;
}

/* Under the lock: FINISH takes its place, and nothing comes after it. */
static void end_stream(struct saem_run *run, const struct end *end) {
	struct stream *s = &run->stream;
	struct message m = {.type = MSG_FINISH};
	uint8_t frame[OUTBOX_END_MAX];

	m.finish = (struct msg_finish){
		.seq = s->outbox.next_seq,
		.exit_code = end->exit_code,
		.state = end->state,
		.time = clock_seconds(CLOCK_REALTIME),
	};
	if (end->words.data != NULL) {
		memcpy(run->end_words, end->words.data, end->words.len);
		m.finish.words = text_of(run->end_words, end->words.len);
	}
	run->finish = m.finish;
	outbox_end(&s->outbox, frame, encode(&m, 0, frame, sizeof frame));
	pthread_cond_broadcast(&s->changed); /* whoever waits for room waits in vain */
}

/* What became of a run, for its last line and its note. */
struct outcome {
	uint64_t n_dropped, n_refused, n_undelivered;
	char words[STREAM_WORDS_SIZE]; /* the last trouble */
	bool refused;
	bool leaves_note;
	struct note note;
	const char *path;         /* of the socket to leave it at … */
	struct link_paths others; /* … or at the first of these where it can be */
};

/* Under the lock. */
static void find_outcome(const struct saem_run *run, struct outcome *ret) {
	const struct stream *s = &run->stream;
	bool delivered = s->outbox.acked + 1 == s->outbox.next_seq;
	struct msg_dropped undelivered;

	outbox_remainder(&s->outbox, &undelivered);
	ret->n_dropped = s->outbox.n_dropped;
	ret->n_refused = s->n_refused;
	ret->n_undelivered = undelivered.count;
	memcpy(ret->words, s->words, sizeof ret->words);
	ret->refused = s->refused;
	ret->leaves_note = !delivered && !s->refused;
	ret->path = run->link.path;
	ret->others = s->met ? (struct link_paths){0} : run->link.paths; /* nobody else knows it */
	if (ret->leaves_note) {
		note_compose(&ret->note, &run->opening.open, &undelivered,
			s->outbox.ended ? &run->finish : NULL);
	}
}

static void act_on_outcome(const struct saem_run *run, const struct outcome *o) {
	bool left = !o->leaves_note || note_leave(&o->note, o->path);
	for (size_t i = 0; !left && i < LINK_PATHS_MAX && o->others.path[i] != NULL; i++) {
		left = note_leave(&o->note, o->others.path[i]);
	}
	if (run->opening.quiet || o->refused ||
		o->n_dropped + o->n_refused + o->n_undelivered == 0) {
		return;
	}
	bool explains = o->n_refused > 0 && o->words[0] != '\0';
	say("run %s: %llu messages dropped, %llu refused%s%s%s, %llu not delivered",
		run->opening.run, (unsigned long long)o->n_dropped,
		(unsigned long long)o->n_refused, explains ? " (the last trouble: " : "",
		explains ? o->words : "", explains ? ")" : "",
		(unsigned long long)o->n_undelivered);
}

/* Under the lock, which it gives back. */
static int conclude(struct saem_run *run, uint64_t deadline_ms) {
	struct stream *s = &run->stream;
	struct outcome outcome;

	int result = stream_await_ack(s, s->outbox.next_seq - 1, deadline_ms);
	find_outcome(run, &outcome);
	pthread_mutex_unlock(&s->lock);
	act_on_outcome(run, &outcome);
	return result;
}

int saem_finish_with(struct saem_run *run, int exit_code, const char *state, const char *words,
	uint32_t timeout_ms) {
	struct end end;
	if (run_is_inert(run)) {
		return SAEM_INERT;
	}
	if (end_init(&end, exit_code, state, words) < 0) {
		return run_misused(run,
			"state is \"%.40s\"; expected finished, failed, preempted or stopped",
			state);
	}

	uint64_t deadline_ms = clock_now_ms() + timeout_ms;
	pthread_mutex_lock(&run->stream.lock);
	if (run->stream.outbox.ended) {
		pthread_mutex_unlock(&run->stream.lock);
		return SAEM_INERT;
	}
	end_stream(run, &end);
	return conclude(run, deadline_ms);
}

int saem_finish(struct saem_run *run, int exit_code, const char *state, uint32_t timeout_ms) {
	return saem_finish_with(run, exit_code, state, NULL, timeout_ms);
}

void saem_close(struct saem_run *run) {
	if (run == NULL || (!run->off && run_is_inert(run))) {
		return; /* the parent's, where another thread may be in the middle of anything */
	}
	if (run->off) {
		run_unref(run);
		return;
	}

	struct stream *s = &run->stream;
	struct outcome outcome;
	pthread_mutex_lock(&s->lock);
	bool concluded = s->outbox.ended; /* its note is left, its last line said */
	if (!concluded) {
		find_outcome(run, &outcome);
	}
	s->closing = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (!concluded) {
		act_on_outcome(run, &outcome);
	}
	sender_wake();
	run_unref(run);
}

/* ---- all runs of the process ---- */

struct exiting {
	struct end end;
	uint64_t deadline_ms;
	struct saem_run *runs;
	int result;
};

/* What is said of many is what matters most. */
static void exiting_note(struct exiting *e, int result) {
	if (result != SAEM_QUEUED && e->result != SAEM_TIMEOUT) {
		e->result = result;
	}
}

static void begin_exit(struct link *l, void *arg) {
	struct exiting *e = arg;
	struct saem_run *run = run_of(l);

	if (!deadline_lock(&run->stream.lock, e->deadline_ms)) {
		exiting_note(e, SAEM_TIMEOUT);
		return;
	}
	if (!run->stream.outbox.ended && !run->stream.closing) {
		end_stream(run, &e->end);
		run_ref(run);
		run->next_exiting = e->runs;
		e->runs = run;
	}
	pthread_mutex_unlock(&run->stream.lock);
}

/* All of them are told first, then waited for. */
static int finish_all(const struct end *end, uint32_t timeout_ms) {
	struct exiting e = {.end = *end, .deadline_ms = clock_now_ms() + timeout_ms};

	if (!sender_each(begin_exit, &e, e.deadline_ms)) {
		return SAEM_TIMEOUT;
	}
	while (e.runs != NULL) {
		struct saem_run *run = e.runs;
		e.runs = run->next_exiting;
		bool locked = deadline_lock(&run->stream.lock, e.deadline_ms);
		exiting_note(&e, locked ? conclude(run, e.deadline_ms) : SAEM_TIMEOUT);
		run_unref(run);
	}
	return e.result;
}

int saem_finish_all(int exit_code, const char *state, const char *words, uint32_t timeout_ms) {
	struct end end;

	return end_init(&end, exit_code, state, words) < 0 ? -EINVAL : finish_all(&end, timeout_ms);
}

void run_finish_all(int exit_status) {
	const struct end end = {.exit_code = exit_status & 0xff};

	(void)finish_all(&end, EXIT_BUDGET_MS);
}

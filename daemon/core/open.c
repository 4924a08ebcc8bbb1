/* OPEN: who may feed which run, from where. All that can be refused is refused before anything
 * changes. */
#include "registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "ending.h"
#include "format.h"
#include "jsontext.h"
#include "presence.h"
#include "registry_private.h"
#include "run.h"
#include "settle.h"
#include "stream.h"
#include "text.h"

#define BUSY_RETRY_MS 1000u /* the older launch's sockets are drained in less */
#define ROOM_RETRY_MS 5000u /* until another run has ended: it is of no use to ask often */

#define OUTBOX_RECOMMENDED (64u << 20)
#define OUTBOX_FRAMES      16u

struct opening {
	struct registry *registry;
	const struct msg_open *open;
	const struct peer_identity *peer;
	const uint8_t *db_id;
	struct instant now;
	struct refusal *refusal;

	struct run *run;       /* NULL: new */
	struct stream *stream; /* NULL: new */
	const struct profile *profile;
	bool same_launch;
};

static bool refuse(const struct opening *in, enum refusal_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Always false, for returning it. */
static bool refuse(const struct opening *in, enum refusal_code code, const char *format, ...) {
	struct refusal *r = in->refusal;
	va_list args;

	*r = (struct refusal){.code = code};
	va_start(args, format);
	(void)vsnprintf(r->words, sizeof r->words, format, args);
	va_end(args);
	return false;
}

static bool refuse_for_now(const struct opening *in, enum refusal_code code, const char *words) {
	(void)refuse(in, code, "%s", words);
	in->refusal->has_retry = true;
	in->refusal->retry_after_ms = BUSY_RETRY_MS;
	return false;
}

/* ---- what the message says of itself: its ranges are decode's ---- */

static bool check_meaning(struct opening *in) {
	const struct msg_open *o = in->open;
	char quote[TEXT_QUOTE_SIZE];

	in->profile = profile_find(o->profile);
	if (in->profile == NULL) {
		return refuse(in, REFUSE_BAD_FIELD, "there is no profile \"%s\"",
			text_quote(o->profile, quote));
	}
	if (o->config.data != NULL && !json_is_object(o->config)) {
		return refuse(in, REFUSE_BAD_FIELD, "config is not a JSON object");
	}
	return true;
}

/* ---- what it says against what is known ---- */

static bool check_resume(const struct opening *in) {
	const struct text resume = in->open->resume;
	bool existed = in->run != NULL && (!in->same_launch || in->run->resumed);

	if (text_is(resume, "never") && existed) {
		return refuse(in, REFUSE_RESUME, "run %s exists, and resume is never", in->run->id);
	}
	if (text_is(resume, "must") && !existed && !in->same_launch) {
		return refuse(in, REFUSE_RESUME, "there is no run %.*s to resume",
			(int)in->open->run.len, in->open->run.data);
	}
	return true;
}

static bool check_mismatch(const struct opening *in) {
	const struct msg_open *o = in->open;
	const struct run *run = in->run;
	const struct run_config *c = &run->config;

	const struct {
		const char *name;
		uint64_t is, was;
	} of_launch[] = {
		{"world_size", o->world_size, run->world_size},
		{"wandb_log_frequency", o->wandb_log_frequency, c->log_every},
		{"feature_sampling_window", o->feature_sampling_window, c->window_steps},
		{"dead_feature_window", o->dead_feature_window, c->dead_window},
	};

	if (o->d_sae != run->d_sae) {
		return refuse(in, REFUSE_MISMATCH, "d_sae is %u, and run %s has %u", o->d_sae,
			run->id, run->d_sae);
	}
	if (!in->same_launch) {
		return true;
	}
	for (size_t i = 0; i < sizeof of_launch / sizeof of_launch[0]; i++) {
		if (of_launch[i].is != of_launch[i].was) {
			return refuse(in, REFUSE_MISMATCH,
				"%s is %llu, and this launch's other ranks gave %llu",
				of_launch[i].name, (unsigned long long)of_launch[i].is,
				(unsigned long long)of_launch[i].was);
		}
	}
	if (in->profile != c->profile) {
		return refuse(in, REFUSE_MISMATCH,
			"the profile is %s, and this launch's other ranks gave %s",
			in->profile->name, c->profile->name);
	}
	return true;
}

/* Every name without a meaning keeps its place in the run for good. */
static bool check_scalars(const struct opening *in) {
	const struct extras *extras = &in->run->extras;
	uint32_t n_new = 0;

	for (uint32_t i = 0; i < in->open->n_scalars; i++) {
		struct text name = in->open->scalars[i];
		n_new += scalar_find(name) < 0 && extras_find(extras, name) < 0;
	}
	if (extras->count + n_new > SCALARS_MAX) {
		return refuse(in, REFUSE_BAD_FIELD,
			"with these scalars the run would have %u names of its own, and may have "
			"%u",
			extras->count + n_new, SCALARS_MAX);
	}
	return true;
}

static bool has_live_streams(const struct run *run) {
	list_for_each(link, &run->streams) {
		if (container_of(link, struct stream, link)->connected) {
			return true;
		}
	}
	return false;
}

static bool check_launch(const struct opening *in) {
	const struct run *run = in->run;
	const struct stream *s = in->stream;

	if (in->same_launch) {
		const struct stream *other = run->ranks[in->open->rank];
		if (other != NULL && other != s && other->connected) {
			return refuse(in, REFUSE_RANK_TAKEN,
				"another stream of this launch is rank %u of run %s", other->rank,
				run->id);
		}
		return true;
	}
	/* Its last ACK may have been lost; nothing more can come of it. */
	if (s != NULL && s->finished) {
		return true;
	}
	if (s != NULL || launch_is_over(run, in->open->launch)) {
		return refuse(
			in, REFUSE_RUN_BUSY, "run %s was taken over by a later launch", run->id);
	}
	if (has_live_streams(run)) {
		return refuse_for_now(in, REFUSE_RUN_BUSY,
			"an older launch of this run still has a live connection");
	}
	return true;
}

/* First of all: whoever may not append to it learns nothing else of it. */
static bool check_owner(const struct opening *in) {
	const struct run *run = in->run, *other = in->stream != NULL ? in->stream->run : NULL;

	if (in->peer->is_admin) {
		return true;
	}
	if (run != NULL && run->uid != in->peer->uid) {
		return refuse(in, REFUSE_NOT_PERMITTED, "run %s belongs to another user", run->id);
	}
	if (other != NULL && other->uid != in->peer->uid) {
		return refuse(in, REFUSE_NOT_PERMITTED, "this stream belongs to another user");
	}
	return true;
}

static bool check_run(const struct opening *in) {
	const struct run *run = in->run;

	if (!check_owner(in)) {
		return false;
	}
	if (in->stream != NULL && in->stream->run != run) {
		return refuse(
			in, REFUSE_BAD_FIELD, "this stream belongs to run %s", in->stream->run->id);
	}
	if (run == NULL) {
		return check_resume(in);
	}
	if (run->broken) {
		return refuse_for_now(in, REFUSE_STORAGE, "memory is short");
	}
	if (in->stream != NULL && (in->stream->rank != in->open->rank ||
					  strlen(in->stream->launch) != in->open->launch.len ||
					  memcmp(in->stream->launch, in->open->launch.data,
						  in->open->launch.len) != 0)) {
		return refuse(in, REFUSE_BAD_FIELD, "this stream was rank %u of another launch",
			in->stream->rank);
	}
	return check_resume(in) && check_mismatch(in) && check_scalars(in) && check_launch(in);
}

/* ---- memory ---- */

/* Whether waiting can help: somebody else's, or another run of his, may end. */
static bool refuse_holding(const struct opening *in, const struct run *run, enum holding what,
	enum ledger_answer answer, const char *sum, bool may_help) {
	char words[LEDGER_WORDS_MAX];
	uint64_t limit = ledger_say(run->holder, what, answer, words);

	(void)refuse(in, what == HOLDING_MEMORY ? REFUSE_BUDGET : REFUSE_TOO_MANY, "%s%s%s", sum,
		words, may_help ? "; tried again until it fits" : "; it never fits");
	in->refusal->has_limit = true;
	in->refusal->limit = limit;
	in->refusal->has_retry = may_help;
	in->refusal->retry_after_ms = may_help ? ROOM_RETRY_MS : 0;
	return false;
}

/* "d_sae 1048576 with 8 ranks takes 84.0 MiB; " */
static void sum_in_words(const struct opening *in, uint64_t need, char *out, size_t size) {
	char needs[FORMAT_MAX], ranks[32] = "";

	if (in->open->world_size > 1) {
		(void)snprintf(ranks, sizeof ranks, " with %u ranks", in->open->world_size);
	}
	(void)snprintf(out, size, "d_sae %u%s takes %s; ", in->open->d_sae, ranks,
		format_bytes(needs, (double)need));
}

/* Counts it among its user's runs and charges him with what it may come to hold. A later launch may need more, or less. */
static bool charge(const struct opening *in, struct run *run) {
	uint64_t need = run_bytes_needed(in->open->d_sae, in->open->world_size);
	enum ledger_answer answer =
		run->counted ? LEDGER_TAKEN : ledger_ask(run->holder, HOLDING_RUNS, 1);
	char sum[64] = "";

	if (answer != LEDGER_TAKEN) {
		ledger_count_refusal(run->holder, HOLDING_RUNS);
		return refuse_holding(in, run, HOLDING_RUNS, answer, sum, true);
	}
	if (need > run->charged) {
		answer = ledger_ask(run->holder, HOLDING_MEMORY, need - run->charged);
	}
	if (answer != LEDGER_TAKEN) {
		ledger_count_refusal(run->holder, HOLDING_MEMORY);
		sum_in_words(in, need, sum, sizeof sum);
		return refuse_holding(in, run, HOLDING_MEMORY, answer, sum,
			ledger_ever_fits(run->holder, HOLDING_MEMORY, need));
	}
	run_charge(run, need);
	return true;
}

/* ---- taking it in ---- */

/* Where its scalars go. */
static int map_scalars(struct stream *s, const struct msg_open *open) {
	for (uint32_t i = 0; i < open->n_scalars; i++) {
		int known = scalar_find(open->scalars[i]);
		int extra = known < 0 ? extras_position(&s->run->extras, open->scalars[i]) : 0;
		if (extra < 0) {
			return extra;
		}
		s->target[i] = (uint16_t)(known >= 0 ? known : SCALAR_COUNT + extra);
	}
	s->n_scalars = open->n_scalars;
	return 0;
}

/* The streams of past launches are kept for their last ACK; the oldest make room. */
static void forget_old_streams(struct registry *r, struct run *run) {
	uint32_t count = 0;
	list_for_each(link, &run->streams) {
		count++;
	}
	list_for_each(link, &run->streams) {
		struct stream *s = container_of(link, struct stream, link);
		if (count < STREAMS_REMEMBERED) {
			return;
		}
		if (run->ranks[s->rank] != s && !s->connected && s->durable == s->applied) {
			registry_drop_stream(r, s);
			count--;
		}
	}
}

/* What this database lacks below the first seq that the client still holds (R6). */
static int close_gap(const struct opening *in, struct stream *s) {
	uint64_t first = in->open->first_seq;
	if (first <= s->received + 1) {
		return 0;
	}
	uint64_t from = s->received + 1;
	int err = stream_end_seqs(s, first - 1, (struct place){0, -1}, SEQ_GAP, in->now);
	if (err < 0) {
		return err;
	}
	bool is_ours = in->open->has_db_id && memcmp(in->open->db_id, in->db_id, DB_ID_SIZE) == 0;
	run_event(s->run, attempt_of(s->run, s->at), s->at.step, in->now.wall, "gap",
		"rank %u: messages %llu to %llu were acknowledged by %s and are not here", s->rank,
		(unsigned long long)from, (unsigned long long)(first - 1),
		is_ours ? "this database, before it was put back or the run was removed,"
			: "another database");
	return 0;
}

static uint32_t highest_lap(const struct run *run) {
	uint32_t highest = 0;
	for (uint32_t rank = 0; rank < run->world_size; rank++) {
		const struct stream *s = run->ranks[rank];
		highest = s != NULL && s->reached.lap > highest ? s->reached.lap : highest;
	}
	return highest;
}

/* A process that takes a rank over within its launch counts its laps from 0 again. All that do so are of
 * one generation, wherever the ones before them stood, and its laps come after theirs. */
static void join_generation(struct run *run, struct stream *s) {
	const struct stream *before = run->ranks[s->rank];
	bool takes_over = before != NULL && stream_has_begun(before);

	if (takes_over && before->generation == run->generation) {
		uint32_t lap = highest_lap(run);
		run->generation++;
		run->generation_lap = lap < LAP_MAX ? lap + 1 : LAP_MAX;
		run->generation_elapsed_s = run->elapsed_s;
	}
	s->generation = run->generation;
	s->elapsed_base_s = run->generation_elapsed_s;
	stream_begin_lap(s, run->generation_lap);
}

static void take_rank(struct run *run, struct stream *s, bool is_new) {
	if (is_new) {
		run->silent_ranks &= ~(1ull << s->rank);
		run_forget_words_of(run, s->rank);
		join_generation(run, s);
	}
	run->ranks[s->rank] = s;
	if (run->ended && !s->finished) {
		run_forget_end(run);
	}
}

static void connect(const struct opening *in, struct stream *s) {
	struct run *run = s->run;

	s->connected = true;
	s->dead = false;
	s->blocked = false;
	s->dirty |= s->pid != in->peer->pid;
	s->pid = in->peer->pid;
	run->last_seen = in->now.wall;
	run->dirty = true;
	if (run->ranks[s->rank] == s) {
		run->pid = s->rank == 0 ? s->pid : run->pid;
		presence_update(run, in->now);
		if (run->stop_reason != NULL && !s->finished) {
			registry_notify_stop(in->registry, s, run->stop_reason);
		}
	}
}

static int new_stream(const struct opening *in, struct run *run, struct stream **ret) {
	struct stream *s = stream_create(run, in->open->stream, in->open->launch, in->open->rank);
	int err = s != NULL ? map_scalars(s, in->open) : -ENOMEM;
	if (err < 0) {
		stream_destroy(s);
		return err;
	}
	forget_old_streams(in->registry, run);
	registry_add_stream(in->registry, s);
	s->dirty = true;
	*ret = s;
	return 0;
}

/* The launch's first rank speaks for it until rank 0 does. */
static int take_config(const struct opening *in, struct run *run) {
	bool was_private = run->facts.is_private;
	int err = run_configure(run, in->open);
	if (err == 0) {
		err = facts_set_open(&run->facts, in->open);
	}
	if (run->uid != in->peer->uid) {
		run->facts.is_private |= was_private; /* it is its user's to show */
	}
	if (err == 0 && run->facts.text[FACT_NAME] == NULL) {
		err = facts_set(&run->facts, FACT_NAME, in->open->run);
	}
	if (err == 0 && run->facts.started == 0) {
		run->facts.started = in->now.wall;
	}
	return err;
}

static int take_launch(const struct opening *in, struct run *run, bool existed) {
	bool is_new = !in->same_launch;
	int err =
		is_new ? launch_begin(run, in->open->launch, in->open->world_size, existed, in->now)
		       : 0;
	if (err == 0 && (is_new || (in->open->rank == 0 && in->stream == NULL && !run->settled))) {
		err = take_config(in, run);
	}
	return err;
}

static int take_stream(const struct opening *in, struct run *run, struct stream **ret) {
	struct stream *s = in->stream;
	int err = s == NULL ? new_stream(in, run, &s) : map_scalars(s, in->open);
	if (err < 0) {
		return err;
	}
	if (in->stream == NULL || run->ranks[s->rank] == NULL || in->same_launch) {
		take_rank(run, s, in->stream == NULL);
	}
	err = close_gap(in, s);
	if (err < 0) {
		return err;
	}
	connect(in, s);
	*ret = s;
	return 0;
}

/* ---- the answer ---- */

/* Of a run without STEPs it is the newest it logged for: whoever logs without steps goes on behind it. */
static int64_t newest_step(const struct run *run) {
	return run->position.has_step ? (int64_t)run->position.step
				      : lines_newest_step(&run->lines);
}

static void answer(const struct stream *s, struct msg_opened *ret) {
	const struct run *run = s->run;
	const char *name = run->facts.text[FACT_NAME];
	uint64_t frames = OUTBOX_FRAMES * (4ull * run->d_sae + 4096);
	int64_t newest = newest_step(run);

	*ret = (struct msg_opened){
		.durable = s->durable,
		.wanted = s->received + 1,
		.has_last_step = newest >= 0,
		.last_step = newest < 0 ? 0 : (uint32_t)newest,
		.attempt = run->begun ? run->attempt : run->attempt + 1,
		.resumed = run->resumed,
		.outbox_bytes = frames > OUTBOX_RECOMMENDED ? frames : OUTBOX_RECOMMENDED,
		.name = text_of(name, strlen(name)),
	};
}

static bool is_past_stream(const struct opening *in) {
	return in->run != NULL && !in->same_launch && in->stream != NULL;
}

static int open_past_stream(struct opening *in, struct stream **ret) {
	connect(in, in->stream);
	*ret = in->stream;
	return 0;
}

static int open_run(struct opening *in, struct stream **ret) {
	struct run *run = in->run;
	bool existed = run != NULL;

	if (!existed) {
		run = run_create(in->registry, in->open->run, in->peer->uid, in->open->d_sae);
		if (run == NULL) {
			return -ENOMEM;
		}
		registry_add_run(in->registry, run);
	}
	int err = charge(in, run) ? 0 : 1;
	if (err == 0 && !existed) {
		err = run_make_arrays(run);
	}
	if (err == 0) {
		err = take_launch(in, run, existed);
	}
	if (err == 0) {
		err = take_stream(in, run, ret);
	}
	if (err != 0 && !existed) {
		registry_forget(in->registry, run);
	} else if (err < 0) {
		run_break(run);
	}
	return err;
}

int registry_open(struct registry *r, const struct msg_open *open, const struct peer_identity *peer,
	const uint8_t db_id[DB_ID_SIZE], struct instant now, struct stream **ret_stream,
	struct msg_opened *ret_opened, struct refusal *ret_refusal) {
	struct opening in = {
		.registry = r,
		.open = open,
		.peer = peer,
		.db_id = db_id,
		.now = now,
		.refusal = ret_refusal,
	};
	char id[RUN_ID_MAX + 1];

	if (!check_meaning(&in)) {
		return 1;
	}
	(void)snprintf(id, sizeof id, "%.*s", (int)open->run.len, open->run.data);
	in.run = registry_find(r, id);
	in.stream = registry_find_stream(r, open->stream);
	in.same_launch = in.run != NULL && in.run->launch != NULL &&
			 strlen(in.run->launch) == open->launch.len &&
			 memcmp(in.run->launch, open->launch.data, open->launch.len) == 0;
	if (!check_run(&in)) {
		return 1;
	}

	struct stream *s;
	int err = is_past_stream(&in) ? open_past_stream(&in, &s) : open_run(&in, &s);
	if (err != 0) {
		return err;
	}
	if (s->run->broken) {
		s->connected = false;
		return -ENOMEM;
	}
	*ret_stream = s;
	answer(s, ret_opened);
	return 0;
}

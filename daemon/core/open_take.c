/* An OPEN takes effect: its launch, its stream, and what it lacks, once nothing refuses it any more. */
#include "open_private.h"

#include <errno.h>
#include <string.h>

#include "attempt.h"
#include "ending.h"
#include "presence.h"
#include "registry_private.h"
#include "run.h"
#include "settle.h"
#include "stream.h"

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

void opening_connect(const struct opening *in, struct stream *s) {
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

int opening_take_launch(const struct opening *in, struct run *run, bool existed) {
	bool is_new = !in->same_launch;
	int err =
		is_new ? launch_begin(run, in->open->launch, in->open->world_size, existed, in->now)
		       : 0;
	if (err == 0 && (is_new || (in->open->rank == 0 && in->stream == NULL && !run->settled))) {
		err = take_config(in, run);
	}
	return err;
}

int opening_take_stream(const struct opening *in, struct run *run, struct stream **ret) {
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
	opening_connect(in, s);
	*ret = s;
	return 0;
}

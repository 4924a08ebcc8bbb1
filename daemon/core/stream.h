/* What one rank of one process sends for one run: where it stands in its seqs and in its steps.
 *
 * received  end of what is in memory: wanted − 1
 * applied   end of what has had its effect; what lies between is held (R1)
 * durable   end of what is committed */
#pragma once

#include "held.h"
#include "list.h"
#include "measure.h"
#include "pack.h"
#include "registry.h"

struct stream {
	struct run *run;
	struct list link;          /* run.streams */
	struct stream *next_by_id; /* id_table */
	uint8_t id[STREAM_ID_SIZE];
	char *launch;
	uint32_t rank;
	uint32_t generation; /* run.generation when it came */
	int32_t pid;

	bool connected;
	bool dead; /* its process, as far as known */
	uint64_t
		absent_since_ms; /* mono: since when it has been neither connected nor known to live */

	uint64_t received, applied, durable;
	uint64_t dropped, late, refused, gap; /* seqs that ended so */
	uint32_t lap_base;                    /* its own laps count from there */
	struct place at;                      /* what has taken effect: the step it is at */
	struct place reached;                 /* what has come, held things included */
	struct place announced; /* what came and has to come again: it passed all below */
	bool has_sent_step; /* in whatever lap. Not saved: after a start its place tells, but in a lap a LOG began */
	bool at_folded;        /* by a step that was folded, and not dropped or refused */
	double elapsed_base_s; /* how long the run had been trained for when its generation began */
	bool finishing;        /* its FINISH has come … */
	bool finished;         /* … and taken effect */
	int32_t exit_code;
	char state[16]; /* FINISH's, "" if none */

	struct held_queue held;
	bool blocked;               /* was told APPLY_LATER */
	struct list unblocked_link; /* registry.unblocked */

	/* Where the scalars of its STEPs go: an enum scalar, or SCALAR_COUNT + position of an extra. */
	uint32_t n_scalars;
	uint16_t target[SCALARS_MAX];

	bool dirty; /* something its row shows has changed since the last cut */
	void *user;
};

/* NULL when memory is short. */
struct stream *stream_create(
	struct run *run, const uint8_t id[STREAM_ID_SIZE], struct text launch, uint32_t rank);
void stream_destroy(struct stream *s);

/* Where a step of the stream's own lap belongs in the launch. */
struct place stream_place(const struct stream *s, uint32_t lap, uint32_t step);

/* It is to begin with that lap: it stands before its first step. */
void stream_begin_lap(struct stream *s, uint32_t lap);

/* The lap that a LOG of it says it is of; in the launch. */
uint32_t stream_lap_of_log(const struct stream *s, const struct msg_log *log);

/* Whether it has said a step, or begun a lap without one. */
bool stream_has_begun(const struct stream *s);

/* A step of it has taken effect, or will not. */
void stream_move(struct stream *s, struct place place, bool is_folded);

/* How long the run has been trained for, in all its processes, by what this one's clock says. */
double stream_elapsed_s(const struct stream *s, double own_elapsed_s);

/* Seqs up to and including `last` have ended in this way; they were next. */
void stream_advance(struct stream *s, uint64_t last, enum seq_end end);

/* Whether anything waits for another rank. */
bool stream_holds(const struct stream *s);

/* It was told to wait: says so to the registry once it may go on. */
void stream_unblock(struct stream *s);

/* Spreads a STEP's scalars over their meanings. n_extras: how many names the run has. */
void stream_scalars(const struct stream *s, const struct msg_step *step, uint32_t n_extras,
	struct scalars *ret);

void stream_pack(const struct stream *s, struct packer *p);
/* NULL when it is not legible, or memory is short (then u->failed, too). */
struct stream *stream_unpack(struct run *run, struct unpacker *u);

/* A user, where what all of them share is dealt out: room for rows that wait for the disk, commits, questions.
 *
 * For engine*.c alone. Kept as long as something of his is here, or is not paid for yet. */
#pragma once

#include "cadence.h"
#include "ledger.h"

struct engine;
struct feed;
struct peer;

struct tenant {
	struct list link; /* engine.tenants */
	struct engine *engine;
	struct holder *holder;
	uint32_t n_references; /* runs in memory, questions */
	struct share share;
	size_t uncut_bytes;     /* of his runs */
	size_t flight_bytes;    /* rows that the store has: queued until they are committed */
	size_t cut_bytes;       /* of the commit at hand, arrays included … */
	size_t small_cut_bytes; /* … and of runs of his that are small */

	uint32_t n_questions; /* with the store, or answered and not read yet … */
	uint32_t n_made;      /* … and with the store alone */
	struct list
		asking;    /* peer.asking: one more has to wait for one of those, or for the rest */
	uint64_t asked_ns; /* when the last one began … */
	uint64_t ask_rest_ns; /* … and where others share the daemon, the next one not before */
};

/* Referred to until it is released; NULL when memory is short. */
struct tenant *tenant_of(struct engine *e, uint32_t uid);
void tenant_release(struct tenant *t);
/* Those of whom nothing is left are forgotten. About once a second. */
void engine_trim_tenants(struct engine *e);
void engine_finish_tenants(struct engine *e);
/* How many of them have something to write, or have not paid for it yet: at least 1. */
uint32_t engine_count_sharing(const struct engine *e, uint64_t now_ns);
/* Some user will not have paid for what he wrote by then. */
bool engine_is_behind(const struct engine *e, uint64_t then_ns);
/* Others have runs in memory, questions, or something to pay for, too. */
bool engine_has_several_tenants(const struct engine *e);

/* ---- rows ---- */

/* His run has so many rows more, or less, to be cut. */
void tenant_note_uncut(struct tenant *t, struct feed *feed, size_t uncut);
/* They are with the store now. */
void tenant_note_cut(struct tenant *t, struct feed *feed, size_t cut_bytes);
/* What was with the store is committed, or given up. It took so long: his rest depends on it. */
void engine_settle_flight(struct engine *e, uint64_t begun_ns, uint64_t now_ns);
/* He has more rows than he may, or than is his part of what all may; or his runs have outgrown their part of the disk. */
bool tenant_is_full(const struct engine *e, const struct tenant *t);

/* ---- questions ---- */

/* Whether he may ask another one now; if not, the peer is asked again when he may. */
bool tenant_may_ask(struct tenant *t, struct peer *peer);
/* The peer is gone; if it waited for its turn, the next one has it. */
void tenant_asks_no_more(struct peer *peer);
/* The store is done with one of his questions … */
void tenant_made(struct tenant *t);
/* … and it is over: its answer is read, or nobody reads it. */
void tenant_answered(struct tenant *t);

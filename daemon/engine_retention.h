/* Retention's pace: when the store's worker takes a turn at what is older or larger than people want to keep, and whether a
 * run may go. Inside of the engine. */
#pragma once

#include <uv.h>

#include "trim.h"

struct engine;
struct refusal;
struct run;

/* Of each turn's duration so much is rested: retention has a fifth of the worker's time at most, and never any that a
 * commit waits for. */
#define RETENTION_REST_FACTOR 4u
#define RETENTION_REST_MIN_MS 5u
/* How often a database with a limit is looked at; and so long it is rested after something that failed. */
#define RETENTION_LOOK_MS  5000u
#define RETENTION_AGAIN_MS 10000u
/* A reader who keeps the log from being emptied is waited for. */
#define RETENTION_READER_MS 1000u

struct engine_retention {
	struct trim trim;        /* the worker's while busy */
	struct retention policy; /* what trim's will be in its next turn */
	uv_timer_t timer;
	bool busy, failing;
	bool collect_wanted;        /* somebody had a run removed meanwhile */
	uint64_t pass_at_ms;        /* mono: when the next pass by age begins */
	char going[RUN_ID_MAX + 1]; /* the run that is being removed; "": none */
	struct trim_removed told;   /* in the log */
	char words[256];            /* "", or why the database is larger than it may be */
};

void engine_retention_open(struct engine *e, const struct retention *policy);
/* Its timer: for the engine's end. */
uv_handle_t *engine_retention_handle(struct engine *e);
void engine_retention_finish(struct engine *e);

/* A run that the database does not know was opened, or is not to be: whether it was removed, its user is told. */
void engine_retention_opened(struct engine *e, struct run *run);
void engine_retention_explain(
	struct engine *e, const char *run_id, uint32_t uid, struct refusal *refusal);

/* Somebody had a run removed: what it left is collected, also where nothing is set. */
void engine_retention_collect(struct engine *e);

/* The run is on its way out: whoever opens it now comes again. */
bool engine_retention_takes(const struct engine *e, const char *run_id);

/* Where a run's history begins anew: launches, laps, and the state each of them starts from. */
#pragma once

#include "run.h"
#include "state.h"

/* A launch the run does not know becomes its launch; what the one before left undone is folded as it
 * is, its lines close. 0 or -ENOMEM (nothing has changed). */
int launch_begin(
	struct run *run, struct text launch, uint32_t world_size, bool resumed, struct instant now);
/* Whether a launch of that name was ended by a later one. */
bool launch_is_over(const struct run *run, struct text launch);

/* Before a step is folded: begins the attempt that its launch or lap asks for, and settles the state
 * it starts from. false: that is a restore point, which has to be given first. */
bool attempt_ready(struct run *run, struct place place, double time);

/* Something of a lap is to be written before its first step: its attempt begins with it. */
void attempt_ensure(struct run *run, struct place place, double time);

/* Closes the lowest open line, in the attempt that has begun. Short of memory it breaks the run. */
void line_close_lowest(struct run *run);

/* The attempt that something a stream sends at `place` belongs to, begun or not. */
uint32_t attempt_of(const struct run *run, struct place place);

/* A state was handed over, checked, in the lap of `place` (whose step is the state's). */
void attempt_restore(
	struct run *run, struct place place, const struct state_view *view, double time);

/* Remembers that the database will have a state of this moment. */
void attempt_remember_mark(struct run *run);

/* Nobody needs the restore point any more. */
void mark_wait_end(struct run *run);

/* Closes every line that is open. */
void lines_close_all(struct run *run, double time);

/* What may happen now, happens: steps that are complete are folded in order, what waited behind them
 * takes effect, lines that every rank has passed close, streams that were told to wait go on. */
#pragma once

#include "run.h"
#include "stream.h"

void run_settle(struct run *run, struct instant now);

/* Closes the lines below the step that every rank and the core have passed. */
void run_close_passed_lines(struct run *run);

/* Whether nothing more will come from a rank for a place: its own later word says so, or it is gone. */
bool rank_has_passed(const struct run *run, uint32_t rank, struct place place);

/* Seqs up to `last` end without effect: now, or when their turn has come. `place`: of a STEP among them,
 * step -1 else. 0 or -ENOMEM. */
int stream_end_seqs(
	struct stream *s, uint64_t last, struct place place, enum seq_end end, struct instant now);

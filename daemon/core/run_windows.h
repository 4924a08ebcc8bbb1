/* A run's sparsity windows: what its steps are blamed for, when a window closes, and the row and the counts it
 * leaves. The one that is open is numbers alone (window.h); its counts are in struct firing. */
#pragma once

#include "rows.h"

/* A step of this launch will not be folded as it should: the window it belongs to says so. */
void run_blame(struct run *run, struct place place, uint32_t flaw);

/* The step there is folded next: the windows that end before it close, and the open one is as it must be for it. */
void run_windows_pass(struct run *run, struct place place, const struct frame_time *at);

/* The open window ends with the step that was folded: it leaves its row, and the next one opens. Short of memory it
 * breaks the run. */
void run_window_close(struct run *run, const struct frame_time *at);

/* The open window as it stands, for a run that ends inside it: a row of its own, nothing is reset. */
void run_window_emit_partial(struct run *run, const struct frame_time *at);

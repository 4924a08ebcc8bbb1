/* The core's own rows: what the reference trainer would log at a step, under the run's keys. */
#pragma once

#include "run.h"

/* When a frame said that it was made. */
struct frame_time {
	double time, elapsed_s;
};

/* Each adds rows to the line of a step. Short of memory they break the run. */

/* Of the window's step_close: the profile's sparsity row, and ours beside it. */
void rows_add_window(
	struct run *run, const struct change_window *window, const struct frame_time *at);
/* The profile's metrics, and ours beside them. */
void rows_add_metrics(struct run *run, uint32_t step, const struct measures *measures,
	const struct frame_time *at);

/* Metrics that count something: integers in a row. */
bool metric_is_integer(enum metric metric);

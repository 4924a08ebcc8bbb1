/* Where a run first did what it does not usually do: rules that look at its steps and windows one after the other, as they were.
 * What they find is an observation; why it came about is not for them to say. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "running_median.h"

enum anomaly_kind {
	ANOMALY_NONE = 0,
	ANOMALY_NOT_FINITE, /* a value that is not, behind one that is, or the first */
	ANOMALY_SPIKE,      /* far above what is usual */
	ANOMALY_GAP,        /* steps are missing */
	ANOMALY_DEATHS      /* many features died in one window */
};

/* What is usual is the median of the RUNNING_MEDIAN_MAX values before, once there are so many. */
#define ANOMALY_USUAL_MIN 16u
/* Of a loss; a gradient's norm varies more. */
#define ANOMALY_LOSS_FACTOR     5.0
#define ANOMALY_GRADIENT_FACTOR 10.0
/* Beside the factor: a series that always leaps about is not taken for one that does so once. */
#define ANOMALY_DEVIATIONS 15.0
/* A wave of deaths: so great a share of all features in one window, and so many times the usual. */
#define ANOMALY_DEATHS_SHARE  0.1
#define ANOMALY_DEATHS_FACTOR 5.0

/* One series of values. Zeroed but for the factor it has seen nothing. */
struct anomaly_series {
	double factor;
	struct running_median usual;
	bool was_broken, was_high;
	double previous; /* the last finite value; only where usual.n > 0 */
};

/* The next value. Of what goes on only the beginning is told. */
enum anomaly_kind anomaly_series_add(struct anomaly_series *s, double value);

/* Steps of one attempt in their order; a trainer may log each tenth. Zeroed it has seen none. */
struct anomaly_steps {
	uint64_t n;
	int64_t last, stride; /* stride: the least distance of two, of the first few */
};

enum anomaly_kind anomaly_steps_add(struct anomaly_steps *s, int64_t step);

/* Windows in their order. Before `dead_window` steps have gone by no feature can be dead, and then all that never fired are
 * at once: the window in which that is says nothing. */
struct anomaly_windows {
	uint32_t dead_window;
	struct running_median usual;
};

enum anomaly_kind anomaly_windows_add(
	struct anomaly_windows *w, int64_t step_first, uint32_t newly_dead, uint32_t d_sae);

/* A run's steps as columns of numbers, in full resolution: what its curves are made of. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"

#define CURVES_MAX       12u
#define STEPS_WORDS_SIZE 1024u

enum steps_over {
	OVER_STEP = 0,
	OVER_TOKENS, /* the run's own count of training tokens */
	OVER_TIME    /* hours that it had been trained for, in all its processes */
};

struct run_steps { /* owns its lists */
	char id[RUN_ID_MAX + 1];
	char *name;
	size_t n, capacity, n_metrics;
	double *x;
	/* A list a metric, as long as x. NaN: the step has none; infinite: it was not finite, whatever it was. */
	double *y[CURVES_MAX];
};

/* Where the run went back, the newest attempt's row stands for a step. 0, -ENOMEM, -ENOENT (a metric that the run does not
 * have, or nothing to draw over; words say what there is), or -EIO with words. Metrics that no run has to have (`lenient`) are
 * left without values. */
int run_steps_read(sqlite3 *sql, int64_t run, enum steps_over over, const char *const *metrics,
	size_t n_metrics, bool lenient, struct run_steps *ret, char ret_words[STEPS_WORDS_SIZE]);
void run_steps_finish(struct run_steps *s);

bool run_steps_has(const struct run_steps *s, size_t metric);

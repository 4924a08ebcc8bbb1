/* How often each feature fired in a run's last complete window: written with the commit that closes it, read by whoever looks at
 * single features. In parts, so that no row is long; SCHEMA.md says how to read them elsewhere. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define FEATURES_PART 4096u /* features of a row: 64 KiB of it */
/* That died or came alive and are told of with a window: 4 MiB of it. Where the dead window is shorter than the sparsity window rare
 * features do both all the time. */
#define DEATHS_MAX 262144u

struct feature_counts {
	int64_t attempt, window, step_last;
	bool complete;
	uint64_t n_tokens; /* rows of the window */
	uint32_t d_sae;
	uint32_t *counts; /* [d_sae]: rows of the window on which the feature fired */
	int32_t *
		last; /* [d_sae]: the step it last fired at; means nothing where it never did, with a total of 0 */
	uint64_t *totals; /* [d_sae]: rows of the run, by the window's end */
};

/* All of them, of the run with that number in runs_data. 0, -ENOENT: there are none (no window has closed, or a version did that
 * kept none), -EPROTO: the parts are not of one window, or one is missing; others as in db.h. */
int feature_counts_read(sqlite3 *sql, int64_t run, struct feature_counts *ret);
void feature_counts_finish(struct feature_counts *f);

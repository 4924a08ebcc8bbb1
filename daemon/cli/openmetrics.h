/* The status document as metrics, for a collector that reads files: `sae_run_…{run=,project=}` of each run, and what the daemon
 * says of itself. The names are in sae-metricsd-status(1); each is documented where its table is. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "exposition.h"

/* A run that is over is shown for so long after it was last seen: a collector has its last values by then, and keeps them. */
#define OPENMETRICS_OVER_S 3600.0
/* Of so many runs at most, those with the newest activity: about sixty series each. */
#define OPENMETRICS_RUNS_MAX 500u

struct openmetrics_options {
	double now_s;  /* since 1970 */
	bool all;      /* runs, however old and many */
	bool of_files; /* no daemon was asked */
};

/* `document` NULL: nobody answered, which is said. 0 or -ENOMEM. */
int openmetrics_write(
	struct buf *out, const json_t *document, const struct openmetrics_options *options);

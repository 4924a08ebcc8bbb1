/* Which of a run's alerts somebody knows of, in the status document. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "report_row.h"

/* The run's "acknowledgements", where there are any. */
void acknowledged_read(struct report *r, const struct report_run *run);
/* Gives each alert of the run that was acknowledged its "acknowledged": {"by", "at"}. Such a one is of that kind and has not
 * begun since; of one without a beginning its words are the same, in the same attempt. Also after more alerts were laid over it. */
void acknowledged_mark(json_t *run);

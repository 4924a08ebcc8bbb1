/* `status RUN --as PROFILE`: reads the run and prints it. */
#pragma once

#include "profile.h"
#include "read_options.h"

/* The run is that of the source's run_part. As JSON: the run of the points document, its figures restated. Returns an exit_status. */
int restated_run_print(struct read_options *o, const struct profile *as);

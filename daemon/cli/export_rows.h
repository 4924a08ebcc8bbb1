/* `export --csv` and `--jsonl`: rows of some tables, of some runs, to stdout or into files. */
#pragma once

#include <stdatomic.h>

#include "export_table.h"
#include "read_options.h"
#include "run_filter.h"

#define EXPORT_RUNS_MAX 1024u

struct export_rows {
	struct read_options *read;
	const char *runs[EXPORT_RUNS_MAX]; /* parts of ids or names; borrowed */
	size_t n_runs;
	struct run_filter filter; /* where no run is named */
	bool wants[EXPORT_TABLES];
	enum row_format format;
	struct export_choice choice;
	const atomic_bool *stop;
};

/* Returns an exit_status, and has said what came of it. A file appears whole or not at all. */
int export_rows(const struct export_rows *e);

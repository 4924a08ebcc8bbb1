/* `export --features`: a row a feature of a run's last complete window, with what it is worth looking at. */
#pragma once

#include "export_table.h"

/* NULL ends them. */
extern const char *const export_features_names[];

/* As export_table_write. -ENOENT: there are no counts of this run. */
int export_features_write(sqlite3 *sql, int64_t run, const char *id,
	const struct export_choice *choice, bool with_heading, const atomic_bool *stop,
	struct row_output *out);

/* What `export` writes rows of: one of the documented views (store/SCHEMA.md), of one run at a time, oldest first. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "row_output.h"

#define EXPORT_COLUMNS_MAX 128u

struct export_table {
	const char *name;         /* of the view, the option and the file */
	const char *const *needs; /* tables that it reads; NULL ends them */
	const char *select;       /* see export_table.c; NULL: no view, but export_features */
};

enum export_table_number {
	EXPORT_STEPS = 0,
	EXPORT_HISTORY,
	EXPORT_WINDOWS,
	EXPORT_HISTOGRAMS,
	EXPORT_EVENTS,
	EXPORT_FEATURES,
	EXPORT_DEATHS,
	EXPORT_TABLES
};

extern const struct export_table export_tables[EXPORT_TABLES];

struct export_choice {
	const char *columns; /* with commas between them; NULL: all */
	int64_t from, to;    /* steps, both included */
	bool all_attempts;   /* also what a run left behind when it went back */
};

/* Whether the view has all of these columns, and each is named once; words say which is not, and what there is. */
bool export_table_has(
	const struct export_table *t, const char *columns, char *ret_words, size_t words_size);

/* Writes the run's rows; with a heading first where this is the first of the file. `stop` is looked at with every row. 0, -EINTR,
 * -ENOENT: there is nothing of this run, -EBADMSG: the database cannot be read (sqlite3_errmsg says why), or as row_output. */
int export_table_write(const struct export_table *t, sqlite3 *sql, int64_t run, const char *id,
	const struct export_choice *choice, bool with_heading, const atomic_bool *stop,
	struct row_output *out);

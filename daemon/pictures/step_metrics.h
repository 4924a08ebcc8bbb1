/* What a run's steps have figures of, in the view `steps`: its columns, and numbers of the trainer's own. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/* Any run's; not those that are no figure of a step. */
bool step_metrics_have_column(sqlite3 *sql, const char *metric);
/* In the newest step, or in any. */
bool step_metrics_have_extra(sqlite3 *sql, const char *run, const char *metric);

/* That it has no such metric, and which there are. */
void step_metrics_say_none(
	sqlite3 *sql, const char *run, const char *metric, char *ret_words, size_t size);

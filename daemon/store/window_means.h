/* What the steps of a sparsity window come to: the mean of each metric, by which runs are compared.
 *
 * A mean is the sum in the order of steps, in double precision, divided by how many were added: over those steps that have
 * the metric, as a finite number. Others that are not finite are counted. Of each step the row that stood when the
 * window closed counts: the newest attempt's at or below the window's that was not gone back behind. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

/* Up to here the columns of `steps` that are metrics; the others are what other trainers' definitions are computed of. */
#define WINDOW_METRICS 16u
#define WINDOW_MEANS   25u

struct window_place {
	int64_t run, attempt, window, step_first, step_last;
};

/* Zeroed is empty. */
struct window_means {
	int64_t n_steps;
	int64_t n_tokens_folded;    /* at the window's end; -1: not known */
	double value[WINDOW_MEANS]; /* NaN: no step had it */
	char *not_finite, *extra;   /* JSON objects; NULL: nothing is in them */
};

/* In the order of window_means_data's columns. */
const char *window_mean_name(uint32_t i);

/* ?1 … ?4: run, attempt, step_first, step_last. What window_means_add_up reads. */
extern const char window_steps_sql[];
/* Adds up the steps that `st`, of window_steps_sql, finds: an SQLite result code. Resets it. */
int window_means_add_up(
	sqlite3_stmt *st, const struct window_place *place, struct window_means *ret);
/* From columns of window_means_data, n_steps first. SQLITE_OK or SQLITE_NOMEM. */
int window_means_take(sqlite3_stmt *st, int at, struct window_means *ret);
void window_means_finish(struct window_means *m);

/* From a row to JSON. A column's alias says where its value goes and what it is: `client.dropped` is
 * the member `dropped` of the object `client`; behind a colon stands a kind: `started:time`
 * (seconds since 1970 → RFC 3339), `resumed:bool`, `config:json` (the text is JSON). */
#pragma once

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "report.h"

#define REPORT_KEPT_MAX 16u

/* What every part of a report works with. The first error stays. */
struct report {
	sqlite3 *sql;
	double now;      /* seconds since 1970 */
	unsigned points; /* of a curve, as asked for; 0: few, and nothing of each but its mean */
	int err;
	struct report_kept {
		const char *text;
		sqlite3_stmt *statement;
		bool in_use;
	} kept[REPORT_KEPT_MAX]; /* to be asked again of the next run */
	size_t n_kept;
};

/* A statement whose parameters are bound to the integers that follow; NULL after an error. */
sqlite3_stmt *report_query(struct report *r, const char *sql, int n_values, ...);
/* The same of a statement that is asked for each run: to prepare it costs more than to ask it, so that it is kept until
 * report_finish. `sql` stays where it is. */
sqlite3_stmt *report_query_again(struct report *r, const char *sql, int n_values, ...);
void report_finish(struct report *r);
/* The next row, or false at the end and after an error; then the statement is gone. */
bool report_next(struct report *r, sqlite3_stmt **st);
/* Ends a statement before its last row. */
void report_end(struct report *r, sqlite3_stmt **st);

/* Sets every column of the row that has an alias without a leading underscore. */
void report_take_row(struct report *r, sqlite3_stmt *st, json_t *object);
/* Takes `value`; NULL is an error (memory). */
void report_set(struct report *r, json_t *object, const char *path, json_t *value);
void report_append(struct report *r, json_t *array, json_t *value);

json_t *report_time(double seconds); /* 0 or less: null */
json_t *report_number(double value); /* not finite: a string */
json_t *report_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What of a run goes with its row. */
struct report_run {
	int64_t n;
	uint32_t attempt;
	bool has_step;
	int64_t step;
	json_t *object; /* borrowed */
};

/* From so many of the newest attempt's steps come a run's figures; by how often it logs. */
int64_t report_rows_searched(int64_t logged_every);

void report_values(struct report *r, const struct report_run *run);  /* report_values.c */
void report_windows(struct report *r, const struct report_run *run); /* report_windows.c */
void report_alerts(struct report *r, const struct report_run *run);  /* report_alerts.c */
void report_curves(struct report *r, const struct report_run *run);  /* report_curves.c */
/* What retention has taken of the one run asked for. */
void report_removed(struct report *r, const struct report_run *run); /* report_removed.c */
/* The windows of the one run asked for. */
void report_window_detail(struct report *r, const struct report_run *run);

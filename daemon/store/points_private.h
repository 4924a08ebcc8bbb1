/* Inside of points: for points*.c alone. */
#pragma once

#include "points.h"
#include "report_row.h"

struct points {
	struct report report;
	const struct points_query *query;
	/* Prepared once: there may be a thousand runs. */
	sqlite3_stmt *windows, *earlier, *steps;
	int64_t attempt, window; /* of the point that was made last */
	char words
		[256]; /* what SQLite said of the first error, which it forgets with the next statement */
};

void points_prepare(struct points *p);
void points_finish(struct points *p);
/* The error of a report, if there is one, is put into words now. */
void points_note_error(struct points *p);
/* Gets a POINT, which it takes. false: no more of them. */
typedef bool (*point_fn)(void *user, struct points *p, json_t *point);
/* Where the run stands; where its trajectory is asked for, all that come before, too, oldest first. */
void points_each(struct points *p, int64_t run, point_fn each, void *user);
/* Where it stood at query.at_time; null: nowhere; true: where it stands, which `points_each` has said just now. */
json_t *points_earlier(struct points *p, int64_t run);

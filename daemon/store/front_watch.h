/* Who joins and who leaves the front of a project, l0 against fvu and less of both, as a window is committed: looked at before a run's rows
 * are written and after, in their transaction, and written there as events. So it is what `pareto` would have said before and
 * says now, and a commit that never was has told nothing.
 *
 * An alert is seen by whoever sees its run, and names another one. Public runs are therefore compared with public ones alone, and
 * private ones with those of the same user. */
#pragma once

#include "front_news.h"
#include "writer.h"

/* The newest runs of a project, 20 us each. */
#define FRONT_RUNS_MAX 4096

struct front_rules {
	bool is_on;
	bool all_private; /* every run counts as private */
};

struct front_place;

/* Zeroed is empty. */
struct front_look {
	struct front_place *places;
	size_t n, n_placed;
};

/* As it is before anything of the run at hand, which `row` is of, is written. Returns an SQLite code, like the others. */
int front_look_begin(struct front_look *l, sqlite3 *sql, const struct front_rules *rules,
	const struct run_row *row);
/* As it is now that window of `run` closed: writes the events, and appends what they say to *news. */
int front_look_end(struct front_look *l, struct writer *w, int64_t run, const struct run_row *row,
	double time, struct front_news **news);
void front_look_finish(struct front_look *l);

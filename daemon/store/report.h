/* The status document: what `sae-metricsd status --json` prints, built from the database alone.
 * The daemon lays over it what only it knows (live states, rates, connections). */
#pragma once

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "viewer.h"

#define REPORT_SCHEMA     1
#define REPORT_POINTS_MAX 512u
#define REPORT_BRIEF_RUNS 1000 /* more are of no use to who chooses one from a list */

enum report_result {
	REPORT_OK = 0,
	REPORT_NO_SUCH_RUN = 4, /* words say whether none or more than one matched */
};

struct report_query {
	const char *
		run_part; /* a unique part of an id or name; NULL: all runs, newest activity first */
	struct viewer viewer;
	unsigned points; /* of the curves of one run, at most REPORT_POINTS_MAX; 0: few */
	int runs_max;    /* 0: all */
	bool brief; /* of all runs the newest, with nothing but "id", "name", "project" and "state" */
	bool whose; /* of the one run that fits nothing but "id", "uid", "user" and "state" */
};

/* {"schema":1, "runs":[…]}. With run_part the one run has its detail: curves, the last window's
 * histograms, thresholds, events. Negative errno when the database cannot be read. */
int report_build(sqlite3 *sql, const struct report_query *query, json_t **ret, char ret_words[256]);

/* The words of the alert that a run stalled, crashed or failed, for the report and for what is laid over it
 * before a row says so; NULL for the other states. `exit_code` may be NULL or null, and `end_words` NULL: not known. */
json_t *report_state_words(
	const char *state, double last_step_age_s, const json_t *exit_code, const char *end_words);

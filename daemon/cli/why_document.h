/* What `why` shows, as a document: what was seen, in its order, and the run around the first of it.
 *
 * {"schema": 1,
 *  "run": {"id", "name", "project", "state", "exit_code", "end_words", "attempt", "step", "last_seen"},
 *  "looked_at": {"steps", "windows", "gradient": NAME or null, "removed_through": STEP or null},
 *  "moment": {"attempt", "step", "asked_for"} or null,      nothing stands out
 *  "observations": [{"kind", "name", "attempt", "step", "value", "usual", "words", "with_moment",     in their order
 *                    "window", "features": [NUMBER] or null}],      of deaths: of the first few waves; null: not known, too
 *  "observations_left_out": 0,
 *  "steps": [{"step", metrics and the trainer's own numbers by their names, "unusual": [names]}],     every one around the moment
 *  "curves": {"step_first", "step_last", "series": {NAME: {"min", "max", "values": [64 means]}}},     over a wider range
 *  "windows": [{"window", "step_first", "step_last", "complete", "dead_features", "revived", "newly_dead", "never_fired", "d_sae"}],
 *  "deaths": [{"attempt", "window", "since", "died": [NUMBER], "revived": [NUMBER]}],                 of those windows: features, as in the view
 *  "events": [{"time", "attempt", "step", "kind", "text"}]}
 *
 * kind: not_finite, spike, gap, deaths or end. with_moment: it came close to the moment. */
#pragma once

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct why_query {
	int64_t run;      /* its number */
	unsigned n_steps; /* that are shown */
	bool has_at;
	int64_t at; /* look here, whatever the rules say */
};

/* 0, or negative when the database cannot be read or memory is short. */
int why_document(sqlite3 *sql, const struct why_query *query, json_t **ret);

/* The points document (REPORT.md): where each run stands by the means of its last complete window, which is what runs are
 * compared by. Built from the database alone. */
#pragma once

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "viewer.h"

#define POINTS_SCHEMA 1

struct points_query {
	struct viewer viewer;
	bool has_at_tokens;
	uint64_t at_tokens; /* of windows that end later nothing is said */
	bool has_at_time;
	double at_time;      /* and where each run stood then: seconds since 1970 */
	bool trajectory;     /* all complete windows of each run, too */
	bool without_config; /* which is most of the text: null */
};

/* 0, or negative as in db.h, with words. */
int points_build(sqlite3 *sql, const struct points_query *query, json_t **ret, char ret_words[256]);

/* The same as a text, a point at a time: a run may have a window for every other step, and is never in memory as a tree. What is
 * longer than size_max is not written to its end. */
int points_write(sqlite3 *sql, const struct points_query *query, size_t size_max, struct buf *ret,
	char ret_words[256]);

/* Between the files that build what `why` shows. */
#pragma once

#include "report_row.h"
#include "why_document.h"
#include "why_find.h"

#define OF_RUN "(SELECT id FROM runs_data WHERE n = ?1)"

struct why_building {
	struct report r;
	const struct why_query *query;
	json_t *document;
	struct why_findings findings;
	const struct why_observation *first; /* NULL: none */
	int64_t attempt, step;               /* the moment */
};

/* The rows that are left of it, as a list under that name. */
void why_put_rows(struct why_building *b, const char *name, sqlite3_stmt *st);
/* Whether it came close to the moment. */
bool why_is_with_moment(const struct why_building *b, const struct why_observation *o);

/* Each puts what the document has under these names. */
void why_put_steps(struct why_building *b);
void why_put_curves(struct why_building *b);
void why_put_windows(struct why_building *b);
void why_put_events(struct why_building *b);
/* Of those windows which features died and which came alive. */
void why_put_deaths(struct why_building *b);
/* Of the waves among the observations: their `features`. */
void why_put_waves(struct why_building *b);

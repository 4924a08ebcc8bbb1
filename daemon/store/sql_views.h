/* The documented views (SCHEMA.md) for SQL of somebody who may not see every run in them.
 *
 * A view is offered as a virtual table in a database of the asker's own, in memory. Its rows are read by statements of ours,
 * through a connection of their own that his SQL has no name for, and restricted to runs that he may see by the statement that
 * reads them. So there is no row of another's private run on his side at all: no expression of his is ever evaluated on one,
 * however the planner orders it, and no name, no error and no EXPLAIN leads to one. (Views over an attached database would be
 * less: what is asked may be evaluated before what is permitted, and an error then tells of a row that is not shown.) */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "buf.h"
#include "viewer.h"

struct sql_views {
	sqlite3 *kept; /* the database, of the current schema; borrowed */
	struct viewer viewer;
	sqlite3 *shape;   /* an empty database of the current schema: what columns they have */
	struct buf names; /* of all views, " runs steps … " */
};

/* Makes them in `asking`, which is closed before `views` and what it borrows. An SQLite result code. */
int sql_views_offer(struct sql_views *views, sqlite3 *asking);
bool sql_views_have(const struct sql_views *views, const char *name);
void sql_views_finish(struct sql_views *views);

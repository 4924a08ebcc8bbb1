/* Lines on their way to W&B: what the database has of them, and how far they are. On the worker. */
#pragma once

#include "db.h"
#include "forwarding.h"

/* Saves and brings what the visit asks for. 0, -ENOENT (no such run, or it is not forwarded), -ENODATA (a line is
 * missing: what would follow must not be sent), -EXDEV (the cursor is another database's), or as in db.h: nothing was saved then. */
int spool_visit(struct db *db, struct forward_visit *visit);

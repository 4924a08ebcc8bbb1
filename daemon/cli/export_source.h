/* Where the run that is exported comes from: a database file that can be read, or a daemon that hands it out. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>

struct export_source {
	const char *run_part;
	const char *database, *socket; /* NULL: neither is named */
	const char *const *tables;     /* that are needed; NULL ends them */
	const atomic_bool *stop;
};

/* Named: that, and no other. Else the database that nobody names, where it can be read and has the run; else the daemon that
 * nobody names. Returns an exit_status, and has said on stderr what stood in the way. */
int export_source_open(const struct export_source *s, sqlite3 **ret);

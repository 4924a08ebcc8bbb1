/* One run with all its rows, in a database that can be asked by SQL: a file that can be read, or what a daemon hands out. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "fetched_run.h"
#include "source.h"

struct run_source {
	const char *command;        /* who speaks on stderr */
	const struct source *where; /* with a run_part */
	struct run_tables tables;   /* that are fetched from a daemon */
	const atomic_bool *stop;    /* looked at now and then: interrupt.h */
};

/* Files are named: of those, the one that saw the run last. A socket is: that, and no other. Else the database that nobody
 * names, where it can be read and has the run; else the daemon that nobody names. *ret_n is the run's number in *ret_sql.
 * Returns an exit_status, and has said on stderr what stood in the way. */
int run_source_open(const struct run_source *s, sqlite3 **ret_sql, int64_t *ret_n);

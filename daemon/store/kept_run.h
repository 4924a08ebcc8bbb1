/* A run as the database keeps it, for those who carry it elsewhere: what it is, how it ended, how far it got. */
#pragma once

#include <sqlite3.h>

#include "forwarding.h"

struct kept_run {  /* owns its texts */
	int64_t n; /* runs_data.n */
	char id[RUN_ID_MAX + 1];
	char state[16];
	bool has_exit_code; /* it has ended, and the trainer said how */
	int32_t exit_code;
	double ended;        /* since 1970; 0: it goes on, or nobody knows */
	int64_t newest_line; /* -1: none yet */
	int64_t n_forwarded; /* lines that W&B has from the daemon */
	struct forward_about about;
	char *summary_json; /* as of that line; NULL: none yet */
};

/* All as of one moment. 0, -ENOENT, -ENOMEM, or an error as in db.h. */
int kept_run_read(sqlite3 *sql, int64_t n, struct kept_run *ret);
void kept_run_finish(struct kept_run *run);

/* What W&B is told of it alone, in place of what *ret holds. */
int kept_run_about(sqlite3 *sql, int64_t n, struct forward_about *ret);

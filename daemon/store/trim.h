/* Retention's hands: looks for what retention.h lets go, and deletes it. On the worker, a turn at a time, while nothing
 * else is to be done; a turn is some milliseconds and one transaction, so that a commit that comes meanwhile waits for no more.
 * Nothing is pinned and nothing is remembered between two turns but where it stands: a kill costs the turn.
 *
 * A whole run goes in two parts. First its row, in one transaction with all that names it: from then on there is no such
 * run, and its number is not given again. Then, over many turns, what is left under that number. Whether a run may go
 * its owner says: it knows which ones are in memory. */
#pragma once

#include "bounds.h"
#include "db.h"
#include "known.h"
#include "retention.h"

struct slots;

/* Deleting writes to the log. When a reader keeps that from being emptied, there is a limit. */
#define TRIM_LOG_MAX (32u << 20)
/* Removed runs are remembered so long that whoever asks for one of them learns what became of it. */
#define TRIM_REMEMBERED 10000

enum trim_result {
	TRIM_DONE = 0, /* for now there is nothing to be done */
	TRIM_MORE,
	TRIM_ASKS, /* may `asked` go? Its owner sets may_remove, or does not, and takes another turn */
	TRIM_WAITS /* for a reader to let go of the log: its owner has it emptied then */
};

struct trim_removed {
	uint64_t steps, lines, windows, runs;
};

struct trim_asked {
	int64_t n;
	char id[RUN_ID_MAX + 1], why[RETENTION_WHY_SIZE];
};

struct trim_walk { /* where a walk through all runs stands */
	bool on;
	int64_t n;
	unsigned stage;
};

struct trim {
	/* Its owner's to set between two turns. */
	struct retention policy;
	double now; /* seconds since 1970 */
	bool pass_wanted, may_remove;
	struct trim_asked asked; /* of the last turn, or somebody's wish */

	/* What the last turn saw, and what all turns have done: its owner's to read. */
	uint64_t used_bytes; /* of the database, without pages that are free */
	bool too_large;      /* above the limit, and nothing is left that may go */
	struct trim_removed removed;

	/* Its own. */
	struct trim_walk by_age, by_size;
	int64_t *victims; /* numbers of the runs that have ended, longest ago first */
	size_t n_victims, victims_cap;
};

void trim_finish(struct trim *t);

/* An enum trim_result, or below 0 as in db.h: then nothing has happened. */
int trim_turn(struct trim *t, struct db *db, const struct slots *slots, struct known *known);

/* One step, in the order the profile has it: windows close, dead features are counted, counts are
 * folded, rows are logged. The only place where a run moves on. */
#pragma once

#include "rows.h"

struct folding {
	struct place place;
	struct frame_time at;
	const struct scalars *scalars; /* of all ranks together, rows too */
	const struct counts *nonzero;  /* NULL: no counts came */
	const struct counts *positive; /* NULL or COUNTS_NONE: the same */
	bool counts_missing;           /* some rank's did not come */
	uint32_t ranks_missing;
};

/* The attempt has begun and its state is settled. Short of memory it breaks the run. */
void run_fold(struct run *run, const struct folding *given, struct instant now);

/* How much the engine has in hand, in numbers: one place for what the status document and systemd's status line say. */
#pragma once

#include "engine.h"

struct engine_sum {
	uint32_t runs, running;                 /* in memory; of these, being trained */
	uint32_t connections, held_connections; /* held: not read from until rows are committed */
	double messages_per_s;
	double commit_lag_s; /* age of the oldest change that is not on disk; 0: all is */
	double worker_s;     /* for so long the disk worker has been at what it does; 0: it rests */
	const char *trouble; /* with commits, room, the log or backups; "": none; borrowed until the
				engine's next turn */
	uint64_t uncommitted_bytes,
		bytes;              /* taken in, not on disk yet; what all runs hold in memory */
	struct forward_sum forward; /* zeroed where nothing is forwarded */
};
void engine_sum(struct engine *e, struct engine_sum *ret);

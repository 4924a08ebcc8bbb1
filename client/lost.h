/* What a run of dropped seqs held. */
#pragma once

#include <stdint.h>

/* Where a STEP belongs: how many laps its stream had begun before, and its step. */
struct place {
	uint32_t lap, step;
};

struct lost {
	uint64_t last_step_seq; /* of its last STEP; 0: it held none */
	struct place last_step; /* that one's */
};

void lost_add_step(struct lost *lost, uint64_t seq, struct place place);

/* `from` came after all that is in `into`. */
void lost_append(struct lost *into, const struct lost *from);

/* What it held behind `seq`. */
struct lost lost_behind(const struct lost *whole, uint64_t seq);

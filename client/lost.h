/* What a run of dropped seqs held. */
#pragma once

#include <stdint.h>

struct lost {
	uint64_t n_steps;
	uint32_t step_min, step_max; /* where n_steps > 0 */
};

void lost_add_step(struct lost *lost, uint32_t step);
void lost_merge(struct lost *into, const struct lost *from);

/* What its last `count` seqs held. Which of its steps lay in them is not known any more, so all
 * that it covered stay named: rather one window too many is called incomplete. */
struct lost lost_tail(const struct lost *whole, uint64_t count);

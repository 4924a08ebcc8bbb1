#include "lost.h"

void lost_add_step(struct lost *lost, uint64_t seq, struct place place) {
	*lost = (struct lost){.last_step_seq = seq, .last_step = place};
}

void lost_append(struct lost *into, const struct lost *from) {
	if (from->last_step_seq > 0) {
		*into = *from;
	}
}

struct lost lost_behind(const struct lost *whole, uint64_t seq) {
	return whole->last_step_seq > seq ? *whole : (struct lost){0};
}

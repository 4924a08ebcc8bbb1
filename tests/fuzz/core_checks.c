#include "fuzz.h"
#include "registry_private.h"
#include "run.h"
#include "session_world.h"
#include "stream.h"

static void check_run(const struct run *run) {
	list_for_each(link, &run->streams) {
		const struct stream *s = container_of(link, struct stream, link);
		HOLDS(s->durable <= s->applied && s->applied <= s->received);
	}
	for (uint32_t rank = 0; rank < RANKS_MAX; rank++) {
		HOLDS(run->ranks[rank] == NULL || run->ranks[rank]->rank == rank);
		HOLDS(run->ranks[rank] == NULL || rank < run->world_size);
	}
	HOLDS(run->position.schedule.n <= SCHEDULE_SEGMENTS);
	HOLDS(run_bytes_needed(run->d_sae, run->world_size) == run->charged);
}

void core_check(struct registry *r, uint32_t uid) {
	uint64_t charged = 0;

	list_for_each(link, &r->runs) {
		const struct run *run = container_of(link, struct run, link);
		check_run(run);
		charged += run->charged;
	}
	HOLDS(ledger_held(r->options.ledger, uid, HOLDING_MEMORY) == charged);
}

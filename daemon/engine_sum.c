#include "engine_sum.h"

#include "clock.h"
#include "engine_private.h"

/* Runs wait for their commit in the order in which they began to. */
static double commit_lag_s(const struct engine *e) {
	uint64_t since_ns = e->in_flight ? e->in_flight_since_ns : UINT64_MAX;

	if (!list_empty(&e->dirty)) {
		const struct feed *first = container_of(e->dirty.next, struct feed, dirty);
		since_ns = first->dirty_ns < since_ns ? first->dirty_ns : since_ns;
	}
	return since_ns == UINT64_MAX ? 0 : (double)(clock_mono_ns() - since_ns) * 1e-9;
}

static const char *trouble(const struct engine *e) {
	const char *log_words = store_log_words(e->store);

	return e->trouble[0] != '\0'       ? e->trouble
	       : e->space_words[0] != '\0' ? e->space_words
	       : log_words != NULL         ? log_words
					   : e->backup_trouble;
}

void engine_sum(struct engine *e, struct engine_sum *ret) {
	struct instant now = engine_now();

	*ret = (struct engine_sum){
		.connections = server_stats(e->server)->sessions,
		.held_connections = e->n_held,
		.messages_per_s = e->messages_per_s,
		.commit_lag_s = commit_lag_s(e),
		.worker_s = store_working_s(e->store),
		.trouble = trouble(e),
		.uncommitted_bytes = e->uncut_bytes + store_held_bytes(e->store),
		.bytes = registry_bytes(e->registry),
	};
	if (e->forward != NULL) {
		forward_look_all(e->forward, clock_wall(), NULL, &ret->forward);
	}
	for (struct run *run = NULL; (run = registry_next(e->registry, run)) != NULL;) {
		struct run_live live;
		run_live(run, now, &live);
		ret->runs++;
		ret->running += strcmp(live.state, "running") == 0;
	}
}

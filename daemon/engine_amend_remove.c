/* QUERY rm: a run is removed in two visits to the store. The first only looks: what stands in the way is said before anything is touched.
 * Then the run leaves memory and the forwarder, whoever opens it meanwhile comes again, and it goes. */
#include <errno.h>
#include <stdio.h>

#include "amend.h"
#include "clock.h"
#include "engine_amend.h"
#include "engine_private.h"

/* So long a run that has ended and is not on the disk yet is waited for: whoever asks gives up after five seconds. */
#define WAIT_MAX_MS 4000u

bool engine_is_removing(const struct engine *e, const char *run_id) {
	list_for_each(link, &e->removing) {
		const struct query *query = container_of(link, struct query, removing);
		if (strcmp(query->amendment->id, run_id) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_live(const struct run *run) {
	struct run_live live;
	run_live(run, engine_now(), &live);
	return strcmp(live.state, "running") == 0 || strcmp(live.state, "stalled") == 0;
}

/* Whoever of its processes is still connected has nothing more to say, and comes anew if he has. */
static void take_out(struct engine *e, struct run *run, const char *id) {
	if (run != NULL) {
		feed_forget(e, feed_of(run), NULL);
	}
	if (e->forward != NULL) {
		forward_drop(e->forward, id);
	}
}

/* Its last rows are not on the disk yet, and would come back after it; or retention is at it. */
static void wait_for(struct query *query, struct run *run) {
	struct amendment *a = query->amendment;
	uint64_t now_ms = clock_mono_ms();

	query->waits_since_ms = query->waits_since_ms == 0 ? now_ms : query->waits_since_ms;
	if (now_ms - query->waits_since_ms > WAIT_MAX_MS) {
		snprintf(a->words, sizeof a->words,
			"run %s is not removed: its last rows are not on the disk yet; ask again",
			a->id);
		query_conclude_with(query, REFUSE_STORAGE);
		return;
	}
	list_append(&query->engine->waiting_to_remove, &query->removing);
	if (query->peer != NULL) {
		query->peer->query = query; /* it is not answered yet */
	}
	if (run != NULL) {
		feed_hurry(query->engine, feed_of(run));
	}
}

static void remove_if_settled(struct query *query) {
	struct engine *e = query->engine;
	struct amendment *a = query->amendment;
	struct run *run = registry_find(e->registry, a->id);

	if (run != NULL && is_live(run)) {
		snprintf(a->words, sizeof a->words, "run %s goes on", a->id);
		query_conclude(query, AMEND_GOES_ON);
	} else if ((run != NULL && !run_is_settled(run)) || engine_retention_takes(e, a->id)) {
		wait_for(query, run);
	} else {
		take_out(e, run, a->id);
		a->look_only = false;
		list_append(&e->removing, &query->removing);
		query_amend(query, query_on_amended);
	}
}

void engine_remove_waiting(struct engine *e) {
	struct list waiting;

	list_init(&waiting);
	for (struct list *link; (link = list_take_first(&e->waiting_to_remove)) != NULL;) {
		list_append(&waiting, link);
	}
	for (struct list *link; (link = list_take_first(&waiting)) != NULL;) {
		remove_if_settled(container_of(link, struct query, removing));
	}
}

void engine_remove_none(struct engine *e) {
	for (struct list *link; (link = list_take_first(&e->waiting_to_remove)) != NULL;) {
		query_conclude(container_of(link, struct query, removing), -ECANCELED);
	}
}

void query_on_looked(void *user, int result) {
	struct query *query = user;
	struct engine *e = query->engine;
	struct amendment *a = query->amendment;

	if (result == AMEND_DONE && query->dry_run) {
		snprintf(a->words, sizeof a->words, "run %s would be removed", a->id);
		query_conclude(query, result);
	} else if (result != AMEND_DONE) {
		query_conclude(query, result);
	} else if (e->ending || e->on_closed != NULL || query->peer == NULL) {
		query_conclude(query, -ECANCELED);
	} else {
		remove_if_settled(query);
	}
}

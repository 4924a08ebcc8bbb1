#include "engine_tenant.h"

#include <stdlib.h>

#include "clock.h"
#include "engine_private.h"

/* Of one user, so that his do not stand between others and the disk, and that few answers wait to be read. */
#define QUESTIONS_MAX 4u
/* Where others share the daemon one of his is made at a time, and he has a tenth of it: a report takes a processor, which on a machine
 * without a free one is taken from the loop. At most so long a rest: whoever looks on by hand does not notice. */
#define ASK_REST_FACTOR 9u
#define ASK_REST_MAX_NS 100000000ull
/* A run that is trained goes on for so much above what its user may have on disk: a quarter. Then it waits, as if the
 * disk were full. */
#define DATABASE_GRACE 4u
/* Those who rest are looked after so often. */
#define ASK_LOOK_MS 2u

static void on_ask_rest(uv_timer_t *timer);

static struct tenant *find(const struct engine *e, uint32_t uid) {
	list_for_each(link, &e->tenants) {
		struct tenant *t = container_of(link, struct tenant, link);
		if (t->holder->uid == uid) {
			return t;
		}
	}
	return NULL;
}

struct tenant *tenant_of(struct engine *e, uint32_t uid) {
	struct tenant *t = find(e, uid);
	if (t != NULL) {
		t->n_references++;
		return t;
	}
	t = calloc(1, sizeof *t);
	struct holder *holder = t != NULL ? ledger_holder(e->registry_options.ledger, uid) : NULL;
	if (holder == NULL) {
		free(t);
		return NULL;
	}
	t->engine = e;
	t->holder = holder;
	t->n_references = 1;
	list_init(&t->asking);
	list_append(&e->tenants, &t->link);
	return t;
}

void tenant_release(struct tenant *t) {
	t->n_references--;
}

static void destroy(struct tenant *t) {
	ledger_give(t->holder, HOLDING_QUEUED, t->uncut_bytes + t->flight_bytes);
	holder_release(t->holder);
	list_remove(&t->link);
	free(t);
}

static bool owes(const struct tenant *t, uint64_t now_ns) {
	return t->share.paid_ns > now_ns || t->share.rest_ns > now_ns ||
	       t->share.large_rest_ns > now_ns || t->flight_bytes > 0;
}

void engine_trim_tenants(struct engine *e) {
	uint64_t now_ns = engine_now().mono_ms * 1000000u;

	list_for_each(link, &e->tenants) {
		struct tenant *t = container_of(link, struct tenant, link);
		if (t->n_references == 0 && list_empty(&t->asking) && !owes(t, now_ns)) {
			destroy(t);
		}
	}
}

void engine_finish_tenants(struct engine *e) {
	list_for_each(link, &e->tenants) {
		destroy(container_of(link, struct tenant, link));
	}
}

uint32_t engine_count_sharing(const struct engine *e, uint64_t now_ns) {
	uint32_t n = 0;

	list_for_each(link, &e->tenants) {
		const struct tenant *t = container_of(link, struct tenant, link);
		n += t->uncut_bytes > 0 || t->share.paid_ns > now_ns;
	}
	return n > 0 ? n : 1;
}

bool engine_is_behind(const struct engine *e, uint64_t then_ns) {
	list_for_each(link, &e->tenants) {
		if (container_of(link, struct tenant, link)->share.paid_ns > then_ns) {
			return true;
		}
	}
	return false;
}

bool engine_has_several_tenants(const struct engine *e) {
	return !list_empty(&e->tenants) && e->tenants.next->next != &e->tenants;
}

/* ---- rows ---- */

void tenant_note_uncut(struct tenant *t, struct feed *feed, size_t uncut) {
	ledger_give(t->holder, HOLDING_QUEUED, feed->uncut_bytes);
	ledger_add(t->holder, HOLDING_QUEUED, uncut);
	t->uncut_bytes += uncut - feed->uncut_bytes;
	feed->uncut_bytes = uncut;
}

void tenant_note_cut(struct tenant *t, struct feed *feed, size_t cut_bytes) {
	t->uncut_bytes -= feed->uncut_bytes;
	t->flight_bytes += feed->uncut_bytes;
	t->cut_bytes += cut_bytes;
	t->small_cut_bytes += cut_bytes <= SMALL_CUT_BYTES ? cut_bytes : 0;
	feed->uncut_bytes = 0;
}

static enum commit_size commit_size(const struct engine *e, const struct tenant *t) {
	if (t->cut_bytes <= SMALL_CUT_BYTES || !engine_has_several_tenants(e)) {
		return COMMIT_SMALL;
	}
	return t->small_cut_bytes > SMALL_CUT_BYTES ? COMMIT_OF_MANY_SMALL : COMMIT_OF_LARGE;
}

void engine_settle_flight(struct engine *e, uint64_t begun_ns, uint64_t now_ns) {
	size_t bytes = 0;
	uint32_t n = 0;

	list_for_each(counted, &e->tenants) {
		const struct tenant *t = container_of(counted, struct tenant, link);
		bytes += t->cut_bytes;
		n += t->cut_bytes > 0;
	}
	list_for_each(link, &e->tenants) {
		struct tenant *t = container_of(link, struct tenant, link);
		if (t->cut_bytes > 0) {
			/* A commit costs something however small it is. */
			double part = (double)t->cut_bytes / (double)bytes;
			part = part * n < 1 ? 1.0 / n : part;
			cadence_committed(&t->share, begun_ns, now_ns, part, commit_size(e, t));
		}
		ledger_give(t->holder, HOLDING_QUEUED, t->flight_bytes);
		t->cut_bytes = t->small_cut_bytes = t->flight_bytes = 0;
	}
}

static uint32_t count_with_rows(const struct engine *e) {
	uint32_t n = 0;
	list_for_each(link, &e->tenants) {
		n += container_of(link, struct tenant, link)->uncut_bytes > 0;
	}
	return n > 0 ? n : 1;
}

static bool outgrows_its_part(const struct holder *h) {
	uint64_t limit = h->limits.of[HOLDING_DATABASE];

	return limit != LEDGER_NO_LIMIT && h->held.of[HOLDING_DATABASE] > limit &&
	       h->held.of[HOLDING_DATABASE] - limit > limit / DATABASE_GRACE;
}

bool tenant_is_full(const struct engine *e, const struct tenant *t) {
	if (outgrows_its_part(t->holder) || t->uncut_bytes > t->holder->limits.of[HOLDING_QUEUED]) {
		return true;
	}
	return e->uncut_bytes > e->hold_bytes &&
	       t->uncut_bytes > e->hold_bytes / count_with_rows(e);
}

/* ---- questions ---- */

enum turn {
	TURN_NOW = 0,
	TURN_RESTED, /* when he has rested */
	TURN_NEXT    /* when one of those that he has asked is over */
};

/* The clock is read once: who may not ask now is sure to be looked after. */
static enum turn turn_to_ask(const struct tenant *t) {
	if (t->n_questions >= QUESTIONS_MAX) {
		return TURN_NEXT;
	}
	if (!engine_has_several_tenants(t->engine)) {
		return TURN_NOW;
	}
	if (t->n_made > 0) {
		return TURN_NEXT;
	}
	return clock_mono_ns() < t->ask_rest_ns ? TURN_RESTED : TURN_NOW;
}

/* Whoever has waited longest stays on the list until he has asked or is gone: his turn does not go with him. */
static void wake_next(struct tenant *t) {
	if (list_empty(&t->asking)) {
		return;
	}
	switch (turn_to_ask(t)) {
	case TURN_NOW:
		session_resume(container_of(t->asking.next, struct peer, asking)->session);
		break;
	case TURN_RESTED:
		if (!uv_is_active((uv_handle_t *)&t->engine->ask_rest)) {
			uv_update_time(t->engine->loop);
			(void)uv_timer_start(&t->engine->ask_rest, on_ask_rest, ASK_LOOK_MS, 0);
		}
		break;
	case TURN_NEXT:
		break; /* whose end wakes him */
	}
}

static void on_ask_rest(uv_timer_t *timer) {
	const struct engine *e = timer->data;

	list_for_each(link, &e->tenants) {
		wake_next(container_of(link, struct tenant, link));
	}
}

bool tenant_may_ask(struct tenant *t, struct peer *peer) {
	if (turn_to_ask(t) != TURN_NOW) {
		if (!list_linked(&peer->asking)) {
			list_append(&t->asking, &peer->asking);
		}
		wake_next(t);
		return false;
	}
	t->n_questions++;
	t->n_made++;
	t->asked_ns = clock_mono_ns();
	list_remove(&peer->asking);
	wake_next(t);
	return true;
}

void tenant_asks_no_more(struct peer *peer) {
	if (list_linked(&peer->asking)) {
		list_remove(&peer->asking);
		wake_next(find(peer->engine, session_uid(peer->session)));
	}
}

void tenant_made(struct tenant *t) {
	uint64_t now_ns = clock_mono_ns(), rest_ns = ASK_REST_FACTOR * (now_ns - t->asked_ns);

	t->ask_rest_ns = now_ns + (rest_ns < ASK_REST_MAX_NS ? rest_ns : ASK_REST_MAX_NS);
	t->n_made--;
	wake_next(t);
}

void tenant_answered(struct tenant *t) {
	t->n_questions--;
	wake_next(t);
	tenant_release(t);
}

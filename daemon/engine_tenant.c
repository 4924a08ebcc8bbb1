#include "engine_tenant.h"

#include <stdlib.h>

#include "engine_private.h"

/* Of one user, so that his do not stand between others and the disk, and that few answers wait to be read. */
#define QUESTIONS_MAX 4u
/* A run that is trained goes on for so much above what its user may have on disk: a quarter. Then it waits, as if the
 * disk were full. */
#define DATABASE_GRACE 4u

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
	return t->share.paid_ns > now_ns || t->share.rest_ns > now_ns || t->flight_bytes > 0;
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
	feed->uncut_bytes = 0;
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
			cadence_committed(
				&t->share, begun_ns, now_ns, part, engine_has_several_tenants(e));
		}
		ledger_give(t->holder, HOLDING_QUEUED, t->flight_bytes);
		t->cut_bytes = t->flight_bytes = 0;
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

/* Whoever has waited longest stays on the list until he has asked or is gone: his turn does not go with him. */
static void wake_next(struct tenant *t) {
	if (t->n_questions < QUESTIONS_MAX && !list_empty(&t->asking)) {
		session_resume(container_of(t->asking.next, struct peer, asking)->session);
	}
}

bool tenant_may_ask(struct tenant *t, struct peer *peer) {
	if (t->n_questions >= QUESTIONS_MAX) {
		if (!list_linked(&peer->asking)) {
			list_append(&t->asking, &peer->asking);
		}
		return false;
	}
	t->n_questions++;
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

void tenant_answered(struct tenant *t) {
	t->n_questions--;
	wake_next(t);
	tenant_release(t);
}

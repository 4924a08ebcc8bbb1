#include "forget.h"

#include "engine_private.h"
#include "session_private.h"

void forget_run(struct engine *e, const char *id) {
	feed_forget(e, feed_of(registry_find(e->registry, id)), NULL);
}

void count_usage(struct engine *e) {
	engine_count_usage(e);
}

struct asking_of asking_of(struct engine *e, uint32_t uid) {
	struct tenant *t = tenant_of(e, uid);
	struct asking_of found = {.n_questions = t->n_questions,
		.n_made = t->n_made,
		.asked_ns = t->asked_ns,
		.rest_ns = t->ask_rest_ns};

	tenant_release(t);
	return found;
}

void let_large_rest(struct engine *e, uint32_t uid) {
	struct tenant *t = tenant_of(e, uid);

	t->share.large_rest_ns = UINT64_MAX / 2;
	tenant_release(t);
}

void close_who_waits(struct engine *e, uint32_t n) {
	list_for_each(link, &e->peers) {
		struct peer *peer = container_of(link, struct peer, link);
		if (n > 0 && peer->role == ROLE_READER && peer->session->held) {
			session_close(peer->session);
			n--;
		}
	}
}

void spend_of_readers(struct engine *e, uint64_t ns) {
	list_for_each(link, &e->peers) {
		struct peer *peer = container_of(link, struct peer, link);
		if (peer->role == ROLE_READER) {
			session_spend(peer->session, ns);
			return;
		}
	}
}

/* The users whose runs have been in memory, and what they are called. There are as many as a host has users. */
#include <stdlib.h>

#include "engine_private.h"

static struct user *find(const struct engine *e, uint32_t uid) {
	list_for_each(link, &e->users) {
		struct user *u = container_of(link, struct user, link);
		if (u->uid == uid) {
			return u;
		}
	}
	return NULL;
}

/* Once it is there it stays: a cut that is being written points at it. */
static void name_user(struct engine *e, struct user *u, const char *name) {
	if (name != NULL && u->name[0] == '\0') {
		snprintf(u->name, sizeof u->name, "%s", name);
	}
	if (u->name[0] != '\0') {
		ledger_note_name(e->registry_options.ledger, u->uid, u->name);
	}
}

void engine_note_user(struct engine *e, uint32_t uid) {
	struct user *u = find(e, uid);
	if (u != NULL) {
		ledger_note_name(e->registry_options.ledger, uid, u->name);
		return;
	}
	u = calloc(1, sizeof *u);
	if (u == NULL) {
		return; /* he is shown by his number */
	}
	u->uid = uid;
	name_user(e, u, e->user_name != NULL ? e->user_name(e->user_name_user, uid) : NULL);
	list_append(&e->users, &u->link);
}

const char *engine_user_name(const struct engine *e, uint32_t uid) {
	const struct user *u = find(e, uid);

	return u != NULL && u->name[0] != '\0' ? u->name : NULL;
}

bool engine_is_shared(const struct engine *e, uint32_t uid) {
	list_for_each(link, &e->users) {
		if (container_of(link, struct user, link)->uid != uid) {
			return true;
		}
	}
	list_for_each(link, &e->registry_options.ledger->holders) {
		const struct holder *h = container_of(link, struct holder, link);
		if (h->uid != uid && h->held.of[HOLDING_DATABASE] > 0) {
			return true; /* from before the start */
		}
	}
	return false;
}

void engine_tell_user(struct engine *e, uint32_t uid, const char *name) {
	struct user *u = find(e, uid);

	if (u == NULL) {
		return;
	}
	name_user(e, u, name);
	list_for_each(link, &e->feeds) {
		struct feed *feed = container_of(link, struct feed, link);
		if (run_uid(feed->run) == uid) {
			run_retell(feed->run);
			engine_settle(e, feed);
		}
	}
}

void engine_users_finish(struct engine *e) {
	for (struct list *link; (link = list_take_first(&e->users)) != NULL;) {
		free(container_of(link, struct user, link));
	}
}

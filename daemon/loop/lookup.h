/* What the system's directory knows of users and groups, asked on a thread of its own: behind it may be an LDAP that takes
 * minutes, or never answers, and neither the loop nor the disk's worker may wait for that. Whoever asks waits for a moment,
 * which is enough for what is on this machine; what comes later comes to on_answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "closing.h"

#define LOOKUP_NAME_MAX 255u /* of a user or a group; longer ones are as good as none */

enum lookup_kind {
	LOOKUP_USER, /* a user's name, by his number */
	LOOKUP_GROUP /* a group's number, by its name */
};

struct lookup_answer {
	enum lookup_kind kind;
	uint32_t id;
	char name[LOOKUP_NAME_MAX + 1];
	bool found;
};

/* For tests: a directory of their own. */
typedef void (*lookup_find_fn)(struct lookup_answer *inout);
/* The system's. */
void lookup_find(struct lookup_answer *inout);

struct lookup;

/* `find` is called on the thread. 0 or -errno. */
int lookup_open(uv_loop_t *loop, lookup_find_fn find,
	void (*on_answer)(void *user, const struct lookup_answer *answer), void *user,
	struct lookup **ret);
/* Asks with the kind and the id, or the name. True: it was answered within patience_ms, *inout is the answer. False: it comes
 * to on_answer, on the loop. While an earlier question is not answered there is no patience. */
bool lookup_ask(struct lookup *l, struct lookup_answer *inout, unsigned patience_ms);
/* Nothing is answered any more. A thread that the directory holds up is left behind, and ends when it comes back. */
void lookup_close(struct lookup *l, struct closing *closing);

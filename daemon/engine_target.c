/* The run that a query is about. */
#include <jansson.h>
#include <stdio.h>

#include "engine_private.h"
#include "text.h"

struct target target_of(const json_t *report) {
	const json_t *run = json_array_get(json_object_get(report, "runs"), 0);
	const char *user = json_string_value(json_object_get(run, "user"));
	struct target t = {
		.id = json_string_value(json_object_get(run, "id")),
		.state = json_string_value(json_object_get(run, "state")),
		.uid = (uint32_t)json_integer_value(json_object_get(run, "uid")),
		.is_forwarded = json_is_true(json_object_get(run, "forwards")),
	};

	if (user != NULL) {
		snprintf(t.user, sizeof t.user, "%.*s",
			(int)text_fit(text_from(user), TARGET_USER_MAX), user);
	} else {
		snprintf(t.user, sizeof t.user, "user %u", (unsigned)t.uid);
	}
	return t;
}

bool target_permits(
	const struct target *t, const struct asker *asker, const char *verb, char ret_words[512]) {
	if (access_owns(asker, t->uid)) {
		return true;
	}
	snprintf(ret_words, 512, "run %s is %s's; its own user and administrators may %s it", t->id,
		t->user, verb);
	return false;
}

const char *target_asker_name(
	const struct target *t, const struct asker *asker, char out[TARGET_ASKER_MAX]) {
	if (asker->uid == t->uid) {
		snprintf(out, TARGET_ASKER_MAX, "%s", t->user);
	} else if (asker->uid == UID_ROOT) {
		snprintf(out, TARGET_ASKER_MAX, "root");
	} else {
		snprintf(out, TARGET_ASKER_MAX, "an administrator (user %u)", (unsigned)asker->uid);
	}
	return out;
}

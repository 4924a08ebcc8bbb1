#include "directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "log.h"
#include "lookup.h"
#include "settings.h"

/* What is on this machine is found in less than a millisecond; what is asked of others is waited for no longer than a
 * trainer's first message may be, and at the start than whoever waits for the daemon would notice. */
#define USER_PATIENCE_MS  20u
#define GROUP_PATIENCE_MS 40u

struct directory {
	struct lookup *lookup;
	struct engine *engine; /* NULL: not yet */
	struct access_rules rules;
	char group[LOOKUP_NAME_MAX + 1]; /* of the administrators; "": none */
	bool is_preset;                  /* nobody named it, and it need not be there */
	struct lookup_answer user;       /* the newest that was found at once */
};

static void tell_engine(const struct directory *d) {
	if (d->engine != NULL) {
		engine_set_access(d->engine, &d->rules);
	}
}

/* Whoever has no number here is a member of the group that has none. */
static void take_group(struct directory *d, const struct lookup_answer *answer) {
	if (!answer->found && !d->is_preset) {
		log_warning(
			"there is no group %s: nobody administers others' runs by it", d->group);
	} else if (answer->found && answer->id == UID_NOBODY) {
		log_warning("the group %s has the number of those who have none (%u): it makes "
			    "nobody an administrator",
			d->group, UID_NOBODY);
	}
	d->rules.has_admin_gid = answer->found && answer->id != UID_NOBODY;
	d->rules.admin_gid = answer->id;
	tell_engine(d);
}

static void on_answer(void *user, const struct lookup_answer *answer) {
	struct directory *d = user;

	if (answer->kind == LOOKUP_GROUP) {
		if (strcmp(answer->name, d->group) == 0) {
			take_group(d, answer);
		}
	} else if (answer->found && d->engine != NULL) {
		engine_tell_user(d->engine, answer->id, answer->name);
	}
}

static void set(struct directory *d, const struct settings *settings, unsigned patience_ms) {
	const struct access_settings *access = &settings->access;
	const char *group = access->admin_group != NULL ? access->admin_group : "";
	struct lookup_answer answer = {.kind = LOOKUP_GROUP};
	char source[SETTINGS_SOURCE_SIZE] = "";

	(void)settings_source(settings, "access", "admin_group", source);
	d->is_preset = strcmp(source, "default") == 0;

	d->rules.own_uid = geteuid();
	d->rules.trust_root = access->trust_root;
	d->rules.trust_nobody = access->trust_nobody;
	d->rules.private_runs = access->private_runs;
	if (strcmp(group, d->group) != 0) {
		d->rules.has_admin_gid = false; /* until the other one is found */
	}
	snprintf(d->group, sizeof d->group, "%s", group);
	snprintf(answer.name, sizeof answer.name, "%s", group);
	tell_engine(d);
	if (group[0] == '\0') {
		return;
	}
	if (lookup_ask(d->lookup, &answer, patience_ms)) {
		take_group(d, &answer);
	} else if (patience_ms > 0) {
		log_warning("the group %s is still being looked up: until it is found it has no "
			    "members",
			group);
	}
}

int directory_open(uv_loop_t *loop, const struct settings *settings, struct directory **ret) {
	struct directory *d = calloc(1, sizeof *d);
	int err = d == NULL ? -ENOMEM : lookup_open(loop, lookup_find, on_answer, d, &d->lookup);

	if (err < 0) {
		free(d);
		return err;
	}
	set(d, settings, GROUP_PATIENCE_MS);
	*ret = d;
	return 0;
}

void directory_attach(struct directory *d, struct engine *engine) {
	d->engine = engine;
}

void directory_detach(struct directory *d) {
	if (d != NULL) {
		d->engine = NULL;
	}
}

struct access_rules directory_rules(const struct directory *d) {
	return d->rules;
}

void directory_reload(struct directory *d, const struct settings *settings) {
	set(d, settings, 0);
}

const char *directory_user_name(void *directory, uint32_t uid) {
	struct directory *d = directory;

	d->user = (struct lookup_answer){.kind = LOOKUP_USER, .id = uid};
	return lookup_ask(d->lookup, &d->user, USER_PATIENCE_MS) && d->user.found ? d->user.name
										  : NULL;
}

void directory_close(struct directory *d, struct closing *closing) {
	if (d != NULL) {
		lookup_close(d->lookup, closing);
		free(d);
	}
}

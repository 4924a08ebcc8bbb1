/* [user NAME] sections: what holds for one user only. */
#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings_private.h"

#define DECIMAL "0123456789"
/* What shadow-utils, LDAP and Active Directory put in names. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DECIMAL "._-@+\\$"

/* ---- whose it is ---- */

/* A name of digits alone is a uid, as everywhere. SETTINGS_NO_UID: there is no such user. */
static uint32_t find_uid(const char *name) {
	char text[16384]; /* also an entry from LDAP is shorter */
	struct passwd entry, *found = NULL;

	if (strspn(name, DECIMAL) == strlen(name)) {
		return (uint32_t)strtoul(name, NULL, 10);
	}
	return getpwnam_r(name, &entry, text, sizeof text, &found) == 0 && found != NULL
		       ? found->pw_uid
		       : SETTINGS_NO_UID;
}

static bool is_user_name(const char *name) {
	size_t len = strlen(name);

	if (len == 0 || len > SETTINGS_USER_NAME_MAX || strspn(name, NAME_CHARACTERS) != len) {
		return false;
	}
	return strspn(name, DECIMAL) != len ||
	       (len <= 10 && strtoull(name, NULL, 10) < SETTINGS_NO_UID);
}

/* The same user may go by a name here and by a number there. */
static struct user_settings *find_user(const struct settings *s, const char *name, uint32_t uid) {
	for (size_t i = 0; i < s->n_users; i++) {
		struct user_settings *u = &s->users[i];
		if (strcmp(u->name, name) == 0 || (uid != SETTINGS_NO_UID && u->uid == uid)) {
			return u;
		}
	}
	return NULL;
}

struct user_settings *settings_user(
	struct settings_loading *l, const char *name, const char *where) {
	struct settings *s = l->settings;

	if (!is_user_name(name)) {
		settings_problem(
			l, "%s: expected [user NAME], or a uid in place of the name", where);
		return NULL;
	}
	struct user_settings *u = find_user(s, name, SETTINGS_NO_UID);
	if (u != NULL) {
		return u; /* whose name need not be looked up again: LDAP takes its time */
	}
	uint32_t uid = find_uid(name);
	u = find_user(s, name, uid);
	if (u != NULL) {
		return u;
	}
	if (s->n_users == SETTINGS_USERS_MAX) {
		settings_problem(l, "%s: there are more than %u users with a section of their own",
			where, SETTINGS_USERS_MAX);
		return NULL;
	}
	u = realloc(s->users, (s->n_users + 1) * sizeof *u);
	if (u == NULL) {
		settings_no_memory(l);
		return NULL;
	}
	s->users = u;
	u += s->n_users++;
	*u = (struct user_settings){.uid = uid};
	memcpy(u->name, name, strlen(name));
	if (uid == SETTINGS_NO_UID) {
		settings_remark(l,
			"%s: there is no user %s here: what is said of him waits for the next "
			"start or reload",
			where, name);
	}
	return u;
}

const char *settings_user_section(const char *section) {
	if (strncmp(section, "user", 4) != 0 || strchr(" \t", section[4]) == NULL) {
		return NULL; /* the NUL behind [user] is found, too */
	}
	return section + 4 + strspn(section + 4, " \t");
}

/* ---- what it says ---- */

static size_t first_key(void) {
	size_t i = 0;

	while (!settings_keys[i].is_per_user) {
		i++;
	}
	return i;
}

int settings_find_user_key(const char *name) {
	int key = settings_find("limits", name);

	return key >= 0 && settings_keys[key].is_per_user ? key : -1;
}

/* The keys that users have stand in the table one behind the other. */
static size_t nth_key(size_t key) {
	size_t nth = key - first_key();

	assert(nth < SETTINGS_USER_KEYS_MAX);
	return nth;
}

static void *field_of(struct user_limits *limits, size_t key) {
	return (char *)limits + settings_keys[key].field - offsetof(struct settings, limits.user);
}

const void *settings_user_field(const struct user_settings *u, size_t key) {
	return field_of((struct user_limits *)&u->limits, key);
}

struct settings_source settings_user_source(const struct user_settings *u, size_t key) {
	return u->sources[nth_key(key)];
}

void settings_set_user(struct settings_loading *l, struct user_settings *u, size_t key,
	const char *text, struct settings_source source) {
	if (settings_read_value(l, key, text, field_of(&u->limits, key), source) == 0) {
		u->sources[nth_key(key)] = source;
	}
}

/* ---- what holds ---- */

void settings_user_limits(const struct settings *s, uint32_t uid, struct user_limits *ret) {
	*ret = s->limits.user;
	struct user_settings *u = uid != SETTINGS_NO_UID ? find_user(s, "", uid) : NULL;
	if (u == NULL) {
		return;
	}
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (settings_keys[i].is_per_user && settings_user_source(u, i).name != NULL) {
			memcpy(field_of(ret, i), field_of(&u->limits, i),
				settings_keys[i].kind->size);
		}
	}
}

/* A reload: what was loaded anew is laid over what the daemon goes by. */
#include <stdio.h>
#include <string.h>

#include "settings_private.h"

#define NAME_SIZE 128u

struct taking {
	struct settings *settings, *fresh;
	settings_change_fn on_change;
	void *user;
};

static void tell(const struct taking *t, const char *section, const char *name,
	struct settings_source source, bool is_live) {
	char key[NAME_SIZE], where[SETTINGS_SOURCE_SIZE];

	snprintf(key, sizeof key, "%s.%s", section, name);
	t->on_change(t->user, key, settings_source_words(source, where), is_live);
}

static bool is_same(const struct settings_kind *kind, const void *a, const void *b) {
	if (!kind->is_text) {
		return memcmp(a, b, kind->size) == 0;
	}
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

static void swap(void *a, void *b, size_t size) {
	char kept[sizeof(uint64_t)];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

static void take_key(const struct taking *t, size_t i) {
	const struct settings_key *k = &settings_keys[i];
	void *field = (char *)t->settings + k->field, *other = (char *)t->fresh + k->field;

	if (is_same(k->kind, field, other)) {
		return;
	}
	if (k->is_live) {
		swap(field, other, k->kind->size);
	}
	tell(t, k->section, k->name, t->fresh->sources[i], k->is_live);
}

/* ---- users ---- */

static const struct user_settings *find(const struct settings *s, const char *name) {
	for (size_t i = 0; i < s->n_users; i++) {
		if (strcmp(s->users[i].name, name) == 0) {
			return &s->users[i];
		}
	}
	return NULL;
}

static bool has(const struct user_settings *u, size_t key) {
	return u != NULL && settings_user_source(u, key).name != NULL;
}

/* What one side says of a user, and the other does not, or not so. */
static void tell_of_user(const struct taking *t, const struct user_settings *u,
	const struct user_settings *other, bool is_fresh) {
	char section[NAME_SIZE];

	snprintf(section, sizeof section, "user %.64s", u->name);
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (!settings_keys[i].is_per_user || !has(u, i)) {
			continue;
		}
		bool is_changed =
			is_fresh && (!has(other, i) || !is_same(settings_keys[i].kind,
							       settings_user_field(u, i),
							       settings_user_field(other, i)));
		if (is_changed) {
			tell(t, section, settings_keys[i].name, settings_user_source(u, i), true);
		} else if (!is_fresh && !has(other, i)) {
			tell(t, section, settings_keys[i].name, (struct settings_source){0}, true);
		}
	}
}

static void tell_of_users(const struct taking *t) {
	for (size_t i = 0; i < t->fresh->n_users; i++) {
		const struct user_settings *u = &t->fresh->users[i];
		tell_of_user(t, u, find(t->settings, u->name), true);
	}
	for (size_t i = 0; i < t->settings->n_users; i++) {
		const struct user_settings *u = &t->settings->users[i];
		tell_of_user(t, u, find(t->fresh, u->name), false);
	}
}

void settings_take(
	struct settings *s, struct settings *fresh, settings_change_fn on_change, void *user) {
	const struct taking t = {s, fresh, on_change, user};

	for (size_t i = 0; i < settings_n_keys; i++) {
		take_key(&t, i);
	}
	tell_of_users(&t);
	struct settings old = *s;
	s->users = fresh->users;
	s->n_users = fresh->n_users;
	s->files = fresh->files;
	s->names = fresh->names;
	memcpy(s->sources, fresh->sources, sizeof s->sources);
	fresh->users = old.users;
	fresh->n_users = old.n_users;
	fresh->files = old.files;
	fresh->names = old.names;
}

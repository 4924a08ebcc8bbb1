/* What is set, row by row. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "settings_private.h"

#define NAME_SIZE 128u /* "user ", a name, and a key */

struct showing {
	settings_row_fn on_row;
	void *user;
};

/* The refusal's own words: no kind takes a control character. */
static void say_what_is_expected(const struct settings_key *k, char out[SETTINGS_EXPECTED_MAX]) {
	uint64_t field = 0;

	int err = k->kind->read(k, "\x01", &field, out);
	assert(err == -EINVAL);
	(void)err;
}

static void show(const struct showing *s, size_t key, const char *section, const void *field,
	struct settings_source source, const char *preset) {
	const struct settings_key *k = &settings_keys[key];
	char name[NAME_SIZE], value[SETTINGS_VALUE_SIZE], where[SETTINGS_SOURCE_SIZE],
		expected[SETTINGS_EXPECTED_MAX];

	snprintf(name, sizeof name, "%s.%s", section, k->name);
	say_what_is_expected(k, expected);
	const struct settings_row row = {
		.name = name,
		.value = k->kind->write(k, field, value),
		.source = settings_source_words(source, where),
		.preset = preset,
		.expected = expected,
		.file = source.line > 0 ? source.name : NULL,
		.line = source.line,
		.is_live = k->is_live,
	};
	s->on_row(s->user, &row);
}

static void show_user(const struct showing *s, const struct user_settings *u) {
	char section[NAME_SIZE];

	snprintf(section, sizeof section, "user %s", u->name);
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (settings_keys[i].is_per_user && settings_user_source(u, i).name != NULL) {
			show(s, i, section, settings_user_field(u, i), settings_user_source(u, i),
				NULL);
		}
	}
}

void settings_each(const struct settings *s, settings_row_fn on_row, void *user) {
	const struct showing showing = {on_row, user};

	for (size_t i = 0; i < settings_n_keys; i++) {
		const struct settings_key *k = &settings_keys[i];
		bool is_other = !s->is_system && k->preset_of_user != NULL;
		show(&showing, i, k->section, (const char *)s + k->field, s->sources[i],
			is_other ? k->preset_of_user : k->preset);
	}
	for (size_t i = 0; i < s->n_users; i++) {
		show_user(&showing, &s->users[i]);
	}
}

/* What the command line says: over all else. */
#include <stdio.h>
#include <string.h>

#include "settings_private.h"
#include "text.h"

#define SECTION_SIZE 96u

/* `f` has a key, and is kept. */
static void read_one(struct settings_loading *l, const struct settings_flag *f) {
	const struct settings_source source = {.name = f->flag};
	const char *dot = strrchr(f->key, '.'); /* a user's name may have some, too */
	char section[SECTION_SIZE], words[SETTINGS_WORDS_SIZE];

	if (dot == NULL || dot - f->key >= (int)sizeof section) {
		settings_problem(l, "%s: expected SECTION.KEY=VALUE", f->flag);
		return;
	}
	snprintf(section, sizeof section, "%.*s", (int)(dot - f->key), f->key);
	const char *name = settings_user_section(section);
	struct user_settings *u = name != NULL ? settings_user(l, name, f->flag) : NULL;
	int key = name != NULL ? settings_find_user_key(dot + 1) : settings_find(section, dot + 1);
	if (name != NULL && u == NULL) {
		return;
	}
	if (name == NULL && !settings_has_section(section)) {
		settings_problem(l, "%s: %s", f->flag,
			settings_no_such_section(text_of(section, strlen(section)), words));
	} else if (key < 0) {
		settings_problem(l, "%s: %s", f->flag,
			settings_no_such_key(section, name != NULL, dot + 1, words));
	} else if (u != NULL) {
		settings_set_user(l, u, (size_t)key, f->text, source);
	} else {
		settings_set(l, (size_t)key, f->text, source);
	}
}

/* --set SECTION.KEY=VALUE, which is told of as "--set SECTION.KEY". */
static void read_assignment(struct settings_loading *l, const struct settings_flag *f) {
	char name[SECTION_SIZE * 2], quote[TEXT_QUOTE_SIZE];
	const char *equals = strchr(f->text, '=');
	size_t key_len = equals != NULL ? (size_t)(equals - f->text) : 0;

	if (equals == NULL || text_flaw(text_of(f->text, key_len), true) != NULL ||
		strlen(f->flag) + 1 + key_len >= sizeof name) {
		settings_problem(l, "%s %s: expected SECTION.KEY=VALUE", f->flag,
			text_quote(text_of(f->text, strcspn(f->text, "=")), quote));
		return;
	}
	snprintf(name, sizeof name, "%s %.*s", f->flag, (int)key_len, f->text);
	const char *kept = settings_keep_name(l, &l->settings->names, name);
	if (kept != NULL) {
		const struct settings_flag one = {
			.flag = kept, .key = kept + strlen(f->flag) + 1, .text = equals + 1};
		read_one(l, &one);
	}
}

void settings_read_flags(struct settings_loading *l) {
	for (size_t i = 0; i < l->options->n_flags; i++) {
		const struct settings_flag *f = &l->options->flags[i];
		if (f->key == NULL) {
			read_assignment(l, f);
		} else {
			read_one(l, f);
		}
	}
}

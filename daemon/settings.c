#include "settings.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "settings_private.h"
#include "url.h"

#define WORDS_SIZE (PATH_MAX + 1536) /* a path, and all the keys of a section */

void settings_problem(struct settings_loading *l, const char *format, ...) {
	char words[WORDS_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	if (l->err == 0) {
		l->err = -EINVAL;
	}
	l->on_problem(l->user, words);
}

void settings_no_memory(struct settings_loading *l) {
	settings_problem(l, "memory is short");
	l->err = -ENOMEM;
}

const char *settings_keep_name(
	struct settings_loading *l, struct settings_names *names, const char *name) {
	char *copy = strdup(name);
	char **at = copy != NULL ? realloc(names->at, (names->n + 1) * sizeof *at) : NULL;

	if (at == NULL) {
		free(copy);
		settings_no_memory(l);
		return NULL;
	}
	names->at = at;
	at[names->n++] = copy;
	return copy;
}

static void names_finish(struct settings_names *names) {
	for (size_t i = 0; i < names->n; i++) {
		free(names->at[i]);
	}
	free(names->at);
}

const char *settings_source_words(struct settings_source source, char out[SETTINGS_SOURCE_SIZE]) {
	if (source.line > 0) {
		snprintf(out, SETTINGS_SOURCE_SIZE, "%s:%u", source.name, source.line);
	} else {
		snprintf(out, SETTINGS_SOURCE_SIZE, "%s",
			source.name != NULL ? source.name : "default");
	}
	return out;
}

int settings_read_value(struct settings_loading *l, size_t key, const char *text, void *field,
	struct settings_source source) {
	const struct settings_key *k = &settings_keys[key];
	char expected[SETTINGS_EXPECTED_MAX], where[SETTINGS_SOURCE_SIZE];

	int err = k->kind->read(k, text, field, expected);
	if (err == -EINVAL) {
		settings_problem(l, "%s: %s: expected %s", settings_source_words(source, where),
			k->name, expected);
	} else if (err < 0) {
		settings_no_memory(l);
	}
	return err;
}

void settings_set(
	struct settings_loading *l, size_t key, const char *text, struct settings_source source) {
	void *field = (char *)l->settings + settings_keys[key].field;

	if (settings_read_value(l, key, text, field, source) == 0) {
		l->settings->sources[key] = source;
	}
}

static void set_presets(struct settings_loading *l) {
	for (size_t i = 0; i < settings_n_keys; i++) {
		const struct settings_key *k = &settings_keys[i];
		const char *preset =
			!l->is_system && k->preset_of_user != NULL ? k->preset_of_user : k->preset;
		if (preset != NULL) {
			settings_set(l, i, preset, (struct settings_source){0});
		}
	}
}

static void set_from_variables(struct settings_loading *l) {
	const size_t n_variables = sizeof settings_keys[0].variables / sizeof(char *);

	for (size_t i = 0; i < settings_n_keys; i++) {
		for (size_t j = 0; j < n_variables && settings_keys[i].variables[j] != NULL; j++) {
			const char *variable = settings_keys[i].variables[j];
			const char *value = getenv(variable);
			if (value != NULL && value[0] != '\0') {
				settings_set(
					l, i, value, (struct settings_source){.name = variable});
				break;
			}
		}
	}
}

/* A key that goes over the wire as plain text can be read by all who carry it. */
static void check_base_url(struct settings_loading *l) {
	const struct wandb_settings *w = &l->settings->wandb;
	char where[SETTINGS_SOURCE_SIZE];
	struct url u;

	if (w->allow_insecure_http || w->base_url == NULL || url_read(w->base_url, &u) < 0 ||
		u.is_https || url_is_loopback(&u)) {
		return;
	}
	settings_source(l->settings, "wandb", "base_url", where);
	settings_problem(l,
		"%s: base_url: expected https://, as http:// would show your key to all between "
		"here and "
		"there; `allow_insecure_http = yes` in the configuration file permits it",
		where);
}

/* Which file, and whether it may be missing. "" when there is no place for one. */
static const char *find_file(
	const struct settings_options *options, struct paths *paths, bool *ret_may_be_missing) {
	const char *named = options->file != NULL ? options->file : paths_config_override();

	*ret_may_be_missing = named == NULL;
	if (named != NULL) {
		return named;
	}
	if (options->is_system) {
		paths_system(paths);
	} else {
		paths_user(paths);
	}
	return paths->config;
}

static void set_from_file(struct settings_loading *l, const struct settings_options *options) {
	struct paths paths;
	bool may_be_missing = false;

	const char *path = find_file(options, &paths, &may_be_missing);
	if (path[0] == '\0' && may_be_missing) {
		return;
	}
	if (may_be_missing && access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		return;
	}
	settings_read_file(l, path);
}

int settings_load(const struct settings_options *options, settings_problem_fn on_problem,
	void *user, struct settings *ret) {
	struct settings s = {0};
	struct settings_loading l = {.settings = &s,
		.is_system = options->is_system,
		.on_problem = on_problem,
		.user = user};

	set_presets(&l);
	set_from_file(&l, options);
	set_from_variables(&l);
	check_base_url(&l);
	if (l.err < 0) {
		settings_finish(&s);
		return l.err;
	}
	*ret = s;
	return 0;
}

void settings_finish(struct settings *s) {
	for (size_t i = 0; i < settings_n_keys; i++) {
		if (settings_keys[i].kind->is_text) {
			char **field = (char **)(void *)((char *)s + settings_keys[i].field);
			free(*field);
		}
	}
	free(s->users);
	names_finish(&s->files);
	*s = (struct settings){0};
}

const char *settings_source(const struct settings *s, const char *section, const char *name,
	char out[SETTINGS_SOURCE_SIZE]) {
	int key = settings_find(section, name);

	return key >= 0 ? settings_source_words(s->sources[key], out) : NULL;
}

#include "settings.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings_private.h"
#include "url.h"

#define WORDS_SIZE (PATH_MAX + 1536) /* a path, and all the keys of a section */

void settings_problem(struct settings_loading *l, const char *format, ...) {
	char words[WORDS_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	l->n_problems++;
	if (l->err == 0) {
		l->err = -EINVAL;
	}
	l->on_problem(l->user, words);
}

void settings_remark(struct settings_loading *l, const char *format, ...) {
	char words[WORDS_SIZE];
	va_list args;

	if (l->options->on_remark == NULL) {
		return;
	}
	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	l->options->on_remark(l->user, words);
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
	bool is_flag = source.name != NULL && source.name[0] == '-'; /* which says what it sets */
	if (err == -EINVAL) {
		settings_problem(l, "%s%s%s: expected %s", settings_source_words(source, where),
			is_flag ? "" : ": ", is_flag ? "" : k->name, expected);
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
		const char *preset = !l->options->is_system && k->preset_of_user != NULL
					     ? k->preset_of_user
					     : k->preset;
		if (preset != NULL) {
			settings_set(l, i, preset, (struct settings_source){0});
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

/* A time without a folder, or the other way round, would be a backup that somebody counts on. */
static void check_backup(struct settings_loading *l) {
	const struct settings *s = l->settings;
	char where[SETTINGS_SOURCE_SIZE];
	const char *alone = s->backup.every_ms > 0     ? "every"
			    : s->backup.folder != NULL ? "to"
						       : "keep";

	settings_source(s, "backup", alone, where);
	if ((s->backup.every_ms > 0 && s->backup.folder != NULL) || strcmp(where, "default") == 0) {
		return;
	}
	settings_problem(l,
		"%s: `every` and `to` of [backup], as --backup-every TIME and --backup-to DIR, go "
		"together",
		where);
}

/* Nothing is above the one and below the other. */
static void check_l0(struct settings_loading *l) {
	const struct alerts_settings *a = &l->settings->alerts;
	char where[SETTINGS_SOURCE_SIZE];

	if (a->l0_min > 0 && a->l0_max > 0 && a->l0_min >= a->l0_max) {
		settings_source(l->settings, "alerts", "l0_max", where);
		settings_problem(
			l, "%s: l0_max: expected more than l0_min, which is %g", where, a->l0_min);
	}
}

int settings_load(const struct settings_options *options, settings_problem_fn on_problem,
	void *user, struct settings *ret) {
	struct settings s = {.is_system = options->is_system};
	struct settings_loading l = {
		.settings = &s, .options = options, .on_problem = on_problem, .user = user};

	set_presets(&l);
	settings_read_places(&l);
	settings_read_variables(&l);
	settings_read_flags(&l);
	check_base_url(&l);
	check_backup(&l);
	check_l0(&l);
	if (l.err < 0) {
		settings_finish(&s);
		return l.err;
	}
	*ret = s;
	return 0;
}

int settings_check_flags(
	const struct settings_options *options, settings_problem_fn on_problem, void *user) {
	struct settings s = {0};
	struct settings_options quiet = *options;
	struct settings_loading l = {
		.settings = &s, .options = &quiet, .on_problem = on_problem, .user = user};

	quiet.on_remark = NULL; /* settings_load will have it */

	settings_read_flags(&l);
	settings_finish(&s);
	return l.err;
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
	names_finish(&s->names);
	*s = (struct settings){0};
}

const char *settings_source(const struct settings *s, const char *section, const char *name,
	char out[SETTINGS_SOURCE_SIZE]) {
	int key = settings_find(section, name);

	return key >= 0 ? settings_source_words(s->sources[key], out) : NULL;
}

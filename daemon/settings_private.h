/* Between the files of settings: the table of keys, how their values are read, and a loading that is under way. */
#pragma once

#include <stddef.h>

#include "settings.h"

#define SETTINGS_EXPECTED_MAX 128

struct settings_key;

/* How a value is read into its field. 0; -EINVAL with what was expected ("yes or no"); -ENOMEM. */
struct settings_kind {
	int (*read)(const struct settings_key *key, const char *text, void *field,
		char expected[SETTINGS_EXPECTED_MAX]);
	bool is_text; /* the field is a char *, malloc'ed */
};

extern const struct settings_kind settings_kind_url, settings_kind_name, settings_kind_path,
	settings_kind_address, settings_kind_word, settings_kind_switch, settings_kind_duration,
	settings_kind_count;

struct settings_word {
	const char *word;
	unsigned value;
};

struct settings_key {
	const char *section, *name;
	size_t field; /* its offset in struct settings */
	const struct settings_kind *kind;
	const char *preset;                /* NULL: none */
	const char *variables[2];          /* the first that is set counts; NULL: none */
	uint32_t min, max;                 /* durations (in ms) and counts */
	const struct settings_word *words; /* NULL ends them */
	const char *words_expected;
};

extern const struct settings_key settings_keys[];
extern const size_t settings_n_keys;

bool settings_has_section(const char *section);
/* Its index, or -1. */
int settings_find(const char *section, const char *name);

struct settings_loading {
	struct settings *settings;
	settings_problem_fn on_problem;
	void *user;
	int err;
};

void settings_problem(struct settings_loading *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reads a value into its field, or tells what was expected. */
void settings_set(
	struct settings_loading *l, size_t key, const char *text, struct settings_source source);

/* Reads the file that l->settings->file names; `may_be_missing`, or that is told. */
void settings_read_file(struct settings_loading *l, bool may_be_missing);

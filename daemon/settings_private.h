/* Between the files of settings: the table of keys, how their values are read, and a loading that is under way. */
#pragma once

#include "settings.h"
#include "text.h"

#define SETTINGS_EXPECTED_MAX 128
#define SETTINGS_VALUE_SIZE   PATH_MAX
#define SETTINGS_WORDS_SIZE   1280u /* all the keys of a section, and the one that is none of them */

struct settings_key;

struct settings_kind {
	/* Into its field. 0; -EINVAL with what was expected ("yes or no"); -ENOMEM. */
	int (*read)(const struct settings_key *key, const char *text, void *field,
		char expected[SETTINGS_EXPECTED_MAX]);
	/* As it would be read. Returns out, or another text; NULL: there is none. */
	const char *(*write)(
		const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]);
	size_t size;  /* of the field */
	bool is_text; /* the field is a char *, malloc'ed */
};

extern const struct settings_kind settings_kind_url, settings_kind_name, settings_kind_path,
	settings_kind_address, settings_kind_group, settings_kind_word, settings_kind_switch;
/* uint32_t: a time in ms, a number; uint64_t: a time in ms, one in seconds, a number of bytes. */
extern const struct settings_kind settings_kind_duration, settings_kind_count, settings_kind_span,
	settings_kind_age, settings_kind_size;
/* double, 0 being "off": a share, as 50%; a number of min to max. */
extern const struct settings_kind settings_kind_share, settings_kind_number;

struct settings_word {
	const char *word;
	unsigned value;
};

struct settings_key {
	const char *section, *name;
	size_t field; /* its offset in struct settings */
	const struct settings_kind *kind;
	const char *preset;       /* NULL: none */
	const char *variables[2]; /* the first that is set counts; NULL: none */
	uint64_t min, max;        /* in the field's unit */
	const struct settings_word
		*words; /* NULL ends them; the first of a value is how it is shown */
	const char *words_expected;
	const char *unbounded; /* the word for … ("forever"); NULL: none. Of sizes and ages */
	uint64_t unbounded_value;
	const char *preset_of_user; /* of a user's own daemon, where it is another */
	bool is_live;               /* SIGHUP changes it */
	bool is_per_user;           /* may stand in a [user …] section, too */
};

extern const struct settings_key settings_keys[];
extern const size_t settings_n_keys;

bool settings_has_section(const char *section);
bool settings_key_belongs(const struct settings_key *key, const char *section, bool is_user);
/* "there is no section [alarms], but wandb, …". Returns out. */
const char *settings_no_such_section(struct text section, char out[SETTINGS_WORDS_SIZE]);
/* "there is no "mod" in [wandb], but base_url, …". Returns out. */
const char *settings_no_such_key(
	const char *section, bool is_user, const char *name, char out[SETTINGS_WORDS_SIZE]);
/* Its index, or -1. */
int settings_find(const char *section, const char *name);

struct settings_loading {
	struct settings *settings;
	const struct settings_options *options;
	settings_problem_fn on_problem;
	void *user;
	unsigned n_problems;
	int err;
};

void settings_problem(struct settings_loading *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void settings_no_memory(struct settings_loading *l);
void settings_remark(struct settings_loading *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* NULL when memory is short, and said. */
const char *settings_keep_name(
	struct settings_loading *l, struct settings_names *names, const char *name);

/* "FILE:12", "WANDB_MODE" or "default". Returns out. */
const char *settings_source_words(struct settings_source source, char out[SETTINGS_SOURCE_SIZE]);

/* Reads a value into the key's field, or tells what was expected. 0 or below. */
int settings_read_value(struct settings_loading *l, size_t key, const char *text, void *field,
	struct settings_source source);
void settings_set(
	struct settings_loading *l, size_t key, const char *text, struct settings_source source);

/* ---- settings_file.c ---- */

enum settings_presence {
	SETTINGS_MUST_BE,
	SETTINGS_MAY_BE, /* one that is not there is passed over */
};
/* Reads a file over what is there. One that cannot be read is told. Whether there was one. */
bool settings_read_file(
	struct settings_loading *l, const char *path, enum settings_presence presence);

/* Reads what is in it; `file` is kept by the settings. */
void settings_read_text(struct settings_loading *l, const char *file, const char *text, size_t len);

/* ---- settings_places.c, settings_variables.c, settings_flags.c ---- */

void settings_read_places(struct settings_loading *l);
void settings_read_variables(struct settings_loading *l);
void settings_read_flags(struct settings_loading *l);

/* ---- settings_users.c ---- */

/* The name in "user joe", without blanks at its beginning; NULL: it is no section of a user's. */
const char *settings_user_section(const char *section);
/* The index in [limits] of a key that may stand in a user's section, or -1. */
int settings_find_user_key(const char *name);
/* Found or made. NULL, and told: as what is wrong with the name behind `where` ("FILE:3"). */
struct user_settings *settings_user(
	struct settings_loading *l, const char *name, const char *where);
struct settings_source settings_user_source(const struct user_settings *u, size_t key);
const void *settings_user_field(const struct user_settings *u, size_t key);
void settings_set_user(struct settings_loading *l, struct user_settings *u, size_t key,
	const char *text, struct settings_source source);

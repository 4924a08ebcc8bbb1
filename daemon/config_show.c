#include "config_show.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "json_write.h"

#define VALUE_WIDTH_MAX 40 /* longer ones push their source to the right */

struct showing {
	const struct settings_row *key;
	const char *name;
	int name_width, value_width;
	json_t *rows;
	settings_row_fn on_row;
	bool key_passed;
	bool found;
	int err;
};

static const char *value_of(const struct settings_row *row) {
	return row->value != NULL ? row->value : "-";
}

/* Those of a section stay together: the key comes before what follows [wandb]. */
static void on_each(void *user, const struct settings_row *row) {
	struct showing *s = user;

	if (!s->key_passed && strncmp(row->name, "wandb.", 6) != 0) {
		s->key_passed = true;
		s->on_row(s, s->key);
	}
	s->on_row(s, row);
}

static void each(struct showing *s, const struct settings *settings, settings_row_fn on_row) {
	s->on_row = on_row;
	s->key_passed = false;
	settings_each(settings, on_each, s);
}

static void on_measure(void *user, const struct settings_row *row) {
	struct showing *s = user;
	int name = (int)strlen(row->name), value = (int)strlen(value_of(row));

	s->name_width = name > s->name_width ? name : s->name_width;
	if (value <= VALUE_WIDTH_MAX && value > s->value_width) {
		s->value_width = value;
	}
}

static void on_print(void *user, const struct settings_row *row) {
	struct showing *s = user;

	printf("%-*s  %-*s  %s\n", s->name_width, row->name, s->value_width, value_of(row),
		row->source);
}

static void on_print_one(void *user, const struct settings_row *row) {
	struct showing *s = user;

	if (strcmp(row->name, s->name) == 0) {
		s->found = true;
		printf("%s\n", value_of(row));
	}
}

static void on_collect(void *user, const struct settings_row *row) {
	struct showing *s = user;

	json_t *one = json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:s?, s:o, s:b}", "key", row->name,
		"value", row->value, "source", row->source, "preset", row->preset, "expected",
		row->expected, "file", row->file, "line",
		row->line > 0 ? json_integer(row->line) : json_null(), "live", row->is_live);
	if (one == NULL || json_array_append_new(s->rows, one) < 0) {
		s->err = -ENOMEM;
	}
}

static int print_json(struct showing *s, const struct settings *settings) {
	struct buf text = {0};

	s->rows = json_array();
	json_t *files = json_array();
	each(s, settings, on_collect);
	for (size_t i = 0; i < settings->files.n; i++) {
		if (json_array_append_new(files, json_string(settings->files.at[i])) < 0) {
			s->err = -ENOMEM;
		}
	}
	json_t *all = json_pack("{s:o, s:o}", "files", files, "settings", s->rows);
	if (all == NULL || json_write(&text, all, JSON_FOR_PEOPLE) < 0) {
		s->err = -ENOMEM;
	}
	if (s->err == 0) {
		printf("%.*s\n", (int)text.len, (const char *)text.data);
	}
	buf_finish(&text);
	json_decref(all);
	return s->err;
}

int config_show(const struct settings *settings, const struct settings_row *key,
	enum config_layout layout, const char *name) {
	struct showing s = {.key = key, .name = name};
	int err = 0;

	if (name != NULL) {
		each(&s, settings, on_print_one);
		err = s.found ? 0 : -ENOENT;
	} else if (layout == CONFIG_JSON) {
		err = print_json(&s, settings);
	} else {
		each(&s, settings, on_measure);
		each(&s, settings, on_print);
	}
	return err < 0 ? err : fflush(stdout) != 0 || ferror(stdout) ? -EIO : 0;
}

/* A home of its own with a configuration file in it, and what loading it told. */
#pragma once

#include <stddef.h>

#include "settings.h"

#define SECTIONS "wandb, ranks, access, limits, retention, alerts, disk, backup, daemon, user NAME"

struct rig {
	char home[64], path[PATH_MAX];    /* the file that write_config writes */
	char problems[16384];             /* a line each, without the path */
	char remarks[4096], files[16384]; /* a line each, without the home */
	struct settings settings;
	int result;
};

/* A file below the home, which is the root of /etc, too, with the folders it needs. */
void rig_put(struct rig *r, const char *name, const char *text);

/* cmocka's fixtures. No variable that is looked at is set, HOME apart. */
int rig_setup(void **state);
int rig_teardown(void **state);

void rig_write_bytes(struct rig *r, const char *text, size_t len);

/* Load the file, with these bytes in it. */
void rig_load(struct rig *r, const char *text);
void rig_load_bytes(struct rig *r, const char *text, size_t len);
/* Load as `options` say. */
void rig_load_as(struct rig *r, struct settings_options options);

/* [wandb] with this one line, in line 2. */
void rig_load_line(struct rig *r, const char *line);

/* It went well, and nothing was told. */
void rig_assert_good(const struct rig *r);
/* These lines were told, and no others: "2: mode: expected …\n". */
void rig_assert_told(const struct rig *r, const char *problems);
/* [section] with this one line, in line 2. */
void rig_load_in(struct rig *r, const char *section, const char *line);

/* The source of a key in [wandb]; the file is "FILE". */
void rig_assert_source(const struct rig *r, const char *name, const char *source);

/* Which files are read, as systemd does it: one main file, the first that is found, and over it the drop-ins of all folders
 * in the order of their names, where a name hides the same name in the folders behind. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "paths.h"
#include "settings_private.h"

#define DROP_INS_MAX 256u /* of all folders: more are an accident */

struct drop_in {
	char *name;
	size_t folder;
};

struct drop_ins {
	struct drop_in at[DROP_INS_MAX];
	size_t n;
};

/* ---- which there are ---- */

static bool is_drop_in(const char *name) {
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static bool is_hidden(const struct drop_ins *d, const char *name) {
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->at[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* 0 or below, and told. */
static int add(struct settings_loading *l, struct drop_ins *d, const char *name, size_t folder) {
	if (d->n == DROP_INS_MAX) {
		settings_problem(
			l, "there are more than %u files in the .conf.d folders", DROP_INS_MAX);
		return -E2BIG;
	}
	char *copy = strdup(name);
	if (copy == NULL) {
		settings_no_memory(l);
		return -ENOMEM;
	}
	d->at[d->n++] = (struct drop_in){.name = copy, .folder = folder};
	return 0;
}

static void list_open_folder(
	struct settings_loading *l, DIR *dir, const char *path, size_t folder, struct drop_ins *d) {
	struct stat st;
	int err = 0;

	if (fstat(dirfd(dir), &st) == 0 && (st.st_mode & S_IWOTH) != 0) {
		settings_problem(l, "%s: may be written by everybody: `chmod o-w` it", path);
		return;
	}
	for (struct dirent *entry; err == 0 && (errno = 0, entry = readdir(dir)) != NULL;) {
		if (is_drop_in(entry->d_name) && !is_hidden(d, entry->d_name)) {
			err = add(l, d, entry->d_name, folder);
		}
	}
	if (err == 0 && errno != 0) {
		settings_problem(l, "%s: %s", path, strerror(errno));
	}
}

static void list_folder(
	struct settings_loading *l, const char *path, size_t folder, struct drop_ins *d) {
	struct stat st;

	DIR *dir = opendir(path);
	int err = dir != NULL ? 0 : errno;
	if (dir != NULL) {
		list_open_folder(l, dir, path, folder, d);
		(void)closedir(dir);
	} else if ((err != ENOENT && err != ENOTDIR) ||
		   (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))) {
		settings_problem(l, "%s: %s", path, strerror(err));
		l->err = -err;
	}
}

static int compare(const void *a, const void *b) {
	return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

/* ---- reading them ---- */

static void join(char out[PATH_MAX], const char *folder, const char *rest, const char *name) {
	if (snprintf(out, PATH_MAX, "%s%s%s", folder, rest, name) >= PATH_MAX) {
		out[0] = '\0'; /* which nothing is called */
	}
}

static void read_main_file(struct settings_loading *l, const struct paths_folders *folders) {
	char path[PATH_MAX];
	bool found = false;

	for (size_t i = 0; i < folders->n && !found; i++) {
		join(path, folders->at[i], "/sae-metricsd.conf", "");
		found = settings_read_file(l, path, SETTINGS_MAY_BE);
	}
}

static void read_drop_ins(struct settings_loading *l, const struct paths_folders *folders) {
	struct drop_ins *d = calloc(1, sizeof *d);
	char path[PATH_MAX];

	if (d == NULL) {
		settings_no_memory(l);
		return;
	}
	for (size_t i = 0; i < folders->n; i++) {
		join(path, folders->at[i], "/sae-metricsd.conf.d", "");
		list_folder(l, path, i, d);
	}
	qsort(d->at, d->n, sizeof d->at[0], compare);
	for (size_t i = 0; i < d->n; i++) {
		/* One may go away between the list and its turn: then it is not there. */
		join(path, folders->at[d->at[i].folder], "/sae-metricsd.conf.d/", d->at[i].name);
		(void)settings_read_file(l, path, SETTINGS_MAY_BE);
		free(d->at[i].name);
	}
	free(d);
}

void settings_read_places(struct settings_loading *l) {
	const char *named = l->options->file != NULL ? l->options->file : paths_config_override();
	struct paths_folders folders;

	if (named != NULL) {
		(void)settings_read_file(l, named, SETTINGS_MUST_BE);
		return;
	}
	if (paths_config_folders(l->options->is_system, &folders) < 0) {
		settings_problem(l, "SAE_METRICSD_CONFIG_ROOT: expected a path that begins with /");
		return;
	}
	read_main_file(l, &folders);
	read_drop_ins(l, &folders);
}

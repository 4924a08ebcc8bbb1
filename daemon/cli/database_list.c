#include "database_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "document.h"

static int list_append(struct database_list *list, const char *folder, const char *name) {
	char **paths = reallocarray(list->paths, list->n + 1, sizeof(*paths));
	char *path = NULL;

	if (!paths) {
		return -ENOMEM;
	}
	list->paths = paths;
	if (asprintf(&path, "%s%s%s", folder, folder[0] ? "/" : "", name) < 0) {
		return -ENOMEM;
	}
	paths[list->n++] = path;
	return 0;
}

static int is_database_name(const struct dirent *entry) {
	size_t len = strlen(entry->d_name);

	return len > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 3, ".db") == 0;
}

int database_list_add(struct database_list *list, const char *path) {
	struct dirent **entries;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		return list_append(list, "", path); /* whoever reads it says what is wrong */
	}
	int n = scandir(path, &entries, is_database_name, alphasort);
	int err = n < 0 ? -errno : n == 0 ? -ENOENT : 0;
	for (int i = 0; i < n; i++) {
		if (err == 0) {
			err = list_append(list, path, entries[i]->d_name);
		}
		free(entries[i]);
	}
	if (n >= 0) {
		free(entries);
	}
	return err;
}

void database_list_finish(struct database_list *list) {
	for (size_t i = 0; i < list->n; i++) {
		free(list->paths[i]);
	}
	free(list->paths);
	*list = (struct database_list){0};
}

/* RFC 3339 in UTC: the text's order is the time's. */
static int compare_seen(const json_t *a, const json_t *b) {
	const char *seen_a = document_text(a, "last_seen");
	const char *seen_b = document_text(b, "last_seen");

	return strcmp(seen_a ? seen_a : "", seen_b ? seen_b : "");
}

/* Puts the run behind those that are there, unless one of its id is: that was seen later. */
static int put_run(json_t *runs, json_t *ids, json_t *run) {
	const char *id = document_text(run, "id");

	if (id != NULL && json_object_get(ids, id) != NULL) {
		return 0;
	}
	if (id != NULL && json_object_set_new(ids, id, json_true()) < 0) {
		return -ENOMEM;
	}
	return json_array_append(runs, run) < 0 ? -ENOMEM : 0;
}

/* Both have the newest first. */
static int merge_runs(const json_t *a, const json_t *b, json_t *ret_runs, json_t *ids) {
	size_t n_a = json_array_size(a), n_b = json_array_size(b), at_a = 0, at_b = 0;
	int err = ret_runs != NULL && ids != NULL ? 0 : -ENOMEM;

	while (err == 0 && at_a + at_b < n_a + n_b) {
		json_t *of_a = json_array_get(a, at_a), *of_b = json_array_get(b, at_b);
		bool is_a = of_b == NULL || (of_a != NULL && compare_seen(of_a, of_b) >= 0);
		at_a += is_a;
		at_b += !is_a;
		err = put_run(ret_runs, ids, is_a ? of_a : of_b);
	}
	return err;
}

int database_merge(json_t *into, json_t *from, const char *path) {
	json_t *merged = json_array(), *ids = json_object(), *runs = json_object_get(from, "runs");
	json_t *run;
	size_t i;
	int err = 0;

	json_array_foreach(runs, i, run) {
		err = json_object_set_new(run, "database", json_string(path)) < 0 ? -ENOMEM : err;
	}
	err = err < 0 ? err : merge_runs(json_object_get(into, "runs"), runs, merged, ids);
	if (err == 0) {
		err = json_object_set(into, "runs", merged) < 0 ? -ENOMEM : 0;
	}
	json_decref(ids);
	json_decref(merged);
	return err;
}

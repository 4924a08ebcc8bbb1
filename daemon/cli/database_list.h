/* Several databases: their paths, and the runs of all of them as one document. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* Paths of databases. Zeroed is empty. */
struct database_list {
	char **paths;
	size_t n;
};

/* Adds a file, or every `*.db` of a folder in the order of their names. 0, -ENOENT when a folder holds
 * none, -ENOMEM, or what opening it said. */
int database_list_add(struct database_list *list, const char *path);
void database_list_finish(struct database_list *list);

/* Moves the runs of `from`, read from `path`, into `into`, newest activity first. A run that is in
 * both (one file is a copy of the other) stays once, as it was seen last. 0 or -ENOMEM. */
int database_merge(json_t *into, json_t *from, const char *path);

/* A file that others read while it is written anew: it is whole at any time. What is there and no file (a device, a pipe, /dev/stdout)
 * is written into; a symbolic link stays, and what it leads to is replaced. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct output_file {
	FILE *stream;                       /* NULL: none is open */
	char path[PATH_MAX], new[PATH_MAX]; /* new: "", it is written into itself */
};

/* Begins one beside `path`, under a name that begins with a dot. 0 or -errno. */
int output_file_begin(struct output_file *f, const char *path);
/* Gives it its name, and the mode that the umask leaves of 0666; not to be kept, it is removed. 0 or -errno, and then
 * `path` is as it was. Does nothing where none is open. */
int output_file_end(struct output_file *f, bool keep);

/* All of it at once. */
int output_file_write(const char *path, const void *data, size_t len);

/* A file that others read while it is written anew: it is whole at any time. */
#pragma once

#include <stddef.h>

/* Writes it beside `path` under a name that begins with a dot, and renames it. Its mode is what the umask leaves of 0666.
 * 0 or -errno, and then `path` is as it was. */
int output_file_write(const char *path, const void *data, size_t len);

/* A folder in which copies of a database gather; told from everything else in it by their names alone (copy_name.h). */
#pragma once

#include <stdbool.h>
#include <time.h>

/* When the newest copy was made; false: there is none, or the folder cannot be read. */
bool copy_folder_newest(const char *folder, time_t *ret);

/* Removes all copies but the newest `keep`, and what somebody who was killed left of one a day ago. 0, or -errno of the
 * last that could not be removed. */
int copy_folder_prune(const char *folder, unsigned keep, time_t now);

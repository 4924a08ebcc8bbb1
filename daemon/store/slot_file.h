/* The folder of the state files, and one of them opened for writing. Heals what can be: a folder that somebody has removed
 * is made anew, and what stands in a file's place and is none is moved aside. */
#pragma once

#include <stddef.h>

#include "slots.h"

/* Opens for writing and reserves the room, so that a full disk is found out before anything is
 * overwritten. A new file is synced into its directory. The descriptor, or -errno. */
int slot_file_open(const struct slots *s, const char *name, size_t len);

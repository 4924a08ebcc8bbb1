/* Databases that were damaged, moved out of the way under names that tell when: for people to look after, and never deleted.
 * What runs go on with, the state files, stays. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#define ASIDE_WORDS_MAX 256

/* Renames the database, its -wal and -shm to `<database>.damaged-<UTC>…`; nothing is deleted. Words say
 * what it is called now. */
int aside_move(const char *database, char ret_words[ASIDE_WORDS_MAX]);

/* A log whose database is gone, or empty, is one that SQLite would delete, and what was acknowledged may be in it alone: it is
 * set aside, too. Whether there was one; words say what it is called now. Or -errno, with words. */
enum aside_log { ASIDE_NO_LOG = 0, ASIDE_LOG_MOVED };
int aside_move_log(const char *database, char ret_words[ASIDE_WORDS_MAX]);

/* The newest that is still there; false: there is none. */
bool aside_newest(const char *database, char ret_path[PATH_MAX]);

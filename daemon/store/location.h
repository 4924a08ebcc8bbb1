/* Where a database may lie and whose it is: the lock beside it, the file system under it, and
 * moving a damaged one out of the way. Knows nothing of SQLite but its file names. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define LOCATION_WORDS_MAX 256

/* The name of a network file system, or NULL for one of this machine. WAL needs memory shared between all
 * who open the file, and locks that hold: neither reaches across hosts. `fuse_type` is the type as
 * /proc/self/mountinfo has it (`fuse.sshfs`), asked for only when f_type is FUSE's; may be NULL. */
const char *location_network_name(uint64_t f_type, const char *fuse_type);

/* The path itself behind links, malloc'ed: what stands beside a database (-wal, -state, .lock) must
 * stand beside the file and not beside a link to it. NULL when memory is short. */
char *location_resolve(const char *database);

/* 0, or -EREMOTE with words, or what statfs said. The database need not exist yet. */
int location_check(const char *database, char ret_words[LOCATION_WORDS_MAX]);

/* Takes `<database>.lock` for this process; *ret_fd holds it until closed. -EBUSY with words when another has
 * it. The file stays: removing it would let two hold two files of one name. */
int location_lock(const char *database, int *ret_fd, char ret_words[LOCATION_WORDS_MAX]);

/* Whether that is still the lock of this path: it may have been removed, or put elsewhere. */
bool location_holds_lock(const char *database, int fd);

/* Creates the database's file for this user alone, unless it is there; SQLite gives -wal and -shm
 * the same mode. */
int location_create(const char *database);

/* Whether a file that cannot be read any more was once ours: its header says so, or
 * `<database>-state/` is there. Others' files are never moved. */
bool location_looks_ours(const char *database, uint32_t application_id);
/* Whether the path still leads to the file that was opened. */
bool location_is_same(const char *database, const struct stat *opened);

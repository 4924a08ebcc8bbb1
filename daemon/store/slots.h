/* The files beside the database: `<database>-state/`, readable by the daemon's user alone.
 *
 *   RUN.hot.0, RUN.hot.1     window and last, rewritten with every commit that folded
 *   RUN.base.0, RUN.base.1   base, rewritten when a window closes
 *   RUN.mark.N               the state at a MARK; written once
 *   epoch                    the database's id and the newest epoch seen
 *
 * Of each pair the database names one, by slot, generation and checksum; the other is free
 * to be written. A file is believed only when all three agree, so that a torn write, a database put
 * back from a copy or a file left by another are all the same: not what was named. Files are
 * preallocated, written in place and never renamed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bounds.h"

struct slots {
	int dir_fd;
	char *path; /* of the directory */
};

enum slot_kind { SLOT_HOT, SLOT_BASE };

/* What the database names. generation 0: nothing. */
struct slot_ref {
	uint32_t slot;
	uint64_t generation, checksum;
};

/* The arrays of a slot: at most two. */
struct slot_arrays {
	struct iovec parts[2];
	int count;
};

/* Creates the directory where there is none. 0 or -errno. */
int slots_open(struct slots *s, const char *database);
void slots_close(struct slots *s);

/* Writes the slot that `named` does not name and syncs it. 0 or -errno (-ENOSPC: the disk is full);
 * then nothing that was named has changed. */
int slots_write(const struct slots *s, const char *run_id, enum slot_kind kind,
	const struct slot_ref *named, uint32_t d_sae, const struct slot_arrays *arrays,
	struct slot_ref *ret);

/* Fills the arrays. 0; -ENOENT when no file is what was named; or broken. */
int slots_read(const struct slots *s, const char *run_id, enum slot_kind kind,
	const struct slot_ref *named, uint32_t d_sae, const struct slot_arrays *arrays);

int slots_write_mark(
	const struct slots *s, const char *run_id, int64_t n, const uint8_t *state, size_t len);
/* malloc'ed; -ENOENT as above. */
int slots_read_mark(const struct slots *s, const char *run_id, int64_t n, size_t len,
	uint64_t checksum, uint8_t **ret);
void slots_remove_mark(const struct slots *s, const char *run_id, int64_t n);

/* Removes all files of a run but its marks. */
void slots_remove_run(const struct slots *s, const char *run_id);

/* Removes the marks that nobody names: left by a kill before the commit, or after it. */
void slots_sweep_marks(const struct slots *s,
	int (*is_named)(void *user, const char *run_id, int64_t n), void *user);

/* Remembers the newest epoch seen of a database. *ret_behind: `epoch` or one above it was seen of this
 * very database, so that what is open now was put back from a copy. */
int slots_note_epoch(
	const struct slots *s, const uint8_t db_id[DB_ID_SIZE], int64_t epoch, bool *ret_behind);

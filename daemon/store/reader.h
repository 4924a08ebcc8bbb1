/* Reads what was committed, through a connection of its own, while the worker may be writing:
 * each call sees one committed state and keeps nothing open behind it. Codes as in db.h. */
#pragma once

#include <sqlite3.h>

#include "slots.h"
#include "store.h"

struct reader {
	sqlite3 *sql;              /* NULL: could not be opened yet; tried again by whoever reads */
	const char *path;          /* borrowed */
	const struct slots *slots; /* borrowed */
};

/* On failure, too, what follows may be called. */
int reader_open(struct reader *r, const char *path, const struct slots *slots);
void reader_close(struct reader *r);

int reader_load(struct reader *r, const char *run_id, struct loaded_run *ret);
int reader_look(struct reader *r, const char *run_id, struct stored_run *ret);
int reader_each_usage(
	struct reader *r, void (*each)(void *user, uint32_t uid, uint64_t bytes), void *user);
int reader_load_mark(struct reader *r, const char *run_id, uint32_t attempt, uint32_t step,
	uint8_t **ret_state, size_t *ret_len);
int reader_find_removed(struct reader *r, const char *run_id, const struct viewer *viewer,
	bool *ret_found, char ret_words[256]);
int reader_each_open_run(
	struct reader *r, void (*each)(void *user, const char *run_id), void *user);
int reader_each_forward(struct reader *r, void (*each)(void *user, const char *run_id), void *user);

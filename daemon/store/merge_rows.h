/* Rows of one database on their way into another: inside of merge.c. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "viewer.h"

#define MERGE_TABLES_MAX 64u

struct merging {
	sqlite3 *into, *from;
	const atomic_bool *stop;
	char *tables[MERGE_TABLES_MAX]; /* those that a run has rows in, runs_data apart */
	size_t n_tables;
	int64_t *keys; /* W&B's keys: their number -> ours */
	int64_t n_keys;
};

/* All return an SQLite result code. */
int merge_prepare(struct merging *m);
void merge_finish(struct merging *m);

int merge_new_number(struct merging *m, int64_t *ret);
int merge_remove_run(struct merging *m, int64_t n);
int merge_copy_run(struct merging *m, int64_t their_n, int64_t our_n);
/* What is remembered of runs that are gone, and events of the database's own: once. */
int merge_copy_rest(struct merging *m, const struct viewer *viewer);

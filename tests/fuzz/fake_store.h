/* store/store.h in memory, for the fuzz targets: what is committed outlives the daemon, and how a commit
 * ends is what the input says.
 *
 * Each committed cut is restored into a registry of its own, which must pack to the same bytes and export the
 * state that the run had when it was cut. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

enum commit_end {
	COMMIT_DONE,    /* committed */
	COMMIT_UNSEEN,  /* committed, but nobody could tell */
	COMMIT_LOST,    /* not committed, and nobody could tell */
	COMMIT_REJECTS, /* the first of its runs */
	COMMIT_FAILS,   /* and is tried again */
	COMMIT_ENDS
};

/* The disk is empty. */
void fake_store_wipe(void);
/* What is in flight ends so; nothing in flight: nothing. */
void fake_store_end_commit(struct store *s, enum commit_end end);
/* Questions asked so far are answered. */
void fake_store_answer(struct store *s);

/* The newest seq of the stream that is committed; 0 when none is. */
uint64_t fake_store_applied(const uint8_t stream_id[STREAM_ID_SIZE]);
/* Whether a run of that d_sae would take it. */
bool fake_store_state_is_sound(const uint8_t *state, size_t len);

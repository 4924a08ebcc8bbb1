/* What `sync` prints of runs: from a status document, of a daemon or of a file. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the run is W&B's at all. */
bool sync_is_forwarded(const json_t *run);
/* Whether its trainer has ended. */
bool sync_is_over(const json_t *run);
/* Whether W&B has what is asked for: the end included, of what is over. */
bool sync_is_synced(const json_t *run);
/* Whether W&B said no to it. */
bool sync_is_refused(const json_t *run);
/* Rows that W&B does not have yet, of those that are asked for: all, but for a sync_watch. */
int64_t sync_pending(const json_t *run);

/* One line a run: how it stands. An exit status: whether W&B has everything; before: what would be sent. */
int sync_print(const json_t *document, bool before);

/* On a terminal: a line that is written over. */
void sync_show_progress(int64_t pending, const char *words);
void sync_end_progress(void);

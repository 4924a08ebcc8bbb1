/* What `sync` waits for where a daemon sends: pure, from one status document to the next.
 *
 * Of a run that trains that is what it had logged when the watch began: it never stands still, and what comes later goes
 * its ordinary way. Of a run that is over it is everything, the end included. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct sync_watch {
	struct watched *runs;
	size_t n;
	bool all_settled; /* W&B has what is waited for, or has said no */
	bool moved;       /* W&B took some of it since the last look */
	int64_t taken, pending;
	char words[256]; /* of one that waits; "" */
};

/* A run that was named, or the asker's own of all that are in the document. 0 or -ENOMEM; finish it in any case. */
int sync_watch_begin(struct sync_watch *w, const json_t *document, bool was_named);
void sync_watch_look(struct sync_watch *w, const json_t *document);
/* For sync_print: each run as it was last seen, or when W&B had what is waited for. NULL when memory is short. */
json_t *sync_watch_document(const struct sync_watch *w);
void sync_watch_finish(struct sync_watch *w);

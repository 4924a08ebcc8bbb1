/* What the registry keeps beside its runs. Private to the core. */
#pragma once

#include "list.h"
#include "registry.h"

#define ID_BUCKETS 256u

struct queued_notice {
	struct queued_notice *next;
	struct notice notice;
};

struct registry {
	struct registry_options options;
	struct list runs;
	struct run *runs_by_id[ID_BUCKETS];
	struct stream *streams_by_id[ID_BUCKETS];
	struct queued_notice *notices, **notices_tail;
	struct list unblocked;  /* stream.unblocked_link */
	uint32_t marks_unasked; /* runs that wait for a restore point nobody was asked for yet */

	/* Workspaces: larger than a stack frame should be, or worth keeping. */
	struct density_scratch *density_scratch;
	struct density_summary density;
	struct scalars scalars;
};

void registry_add_run(struct registry *r, struct run *run);
/* So that registry_find_stream finds it; one that is not on its run yet is also put there. */
void registry_index_stream(struct registry *r, struct stream *s);
void registry_add_stream(struct registry *r, struct stream *s);
/* Off every list and queue, then destroyed. */
void registry_drop_stream(struct registry *r, struct stream *s);

/* Short of memory a notice is lost: the seq is acked all the same. */
void registry_notify_error(struct registry *r, struct stream *s, const struct apply_error *error);
void registry_notify_stop(struct registry *r, struct stream *s, const char *reason);

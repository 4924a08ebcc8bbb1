/* What W&B is told of a run when it is introduced: the database's words in W&B's form. Pure. */
#pragma once

#include "forwarding.h"
#include "payload.h"
#include "profile.h"

enum forward_x_axis {
	FORWARD_X_STEP,  /* as W&B has it by itself */
	FORWARD_X_TOKENS /* the profile's count of training tokens */
};

struct introduction {
	const char *version;
	const char *entity, *project; /* of runs that name none; may be NULL */
	enum forward_x_axis x_axis;
};

/* A run in W&B's form; its texts are those of `about`, `cursor` and `i`. */
struct introduced {
	struct payload_run run;
	struct payload_metric metrics[METRIC_COUNT];
	char *names[METRIC_COUNT]; /* of the metrics; owned */
};

/* Names that W&B gave (`cursor`, may be NULL) win over ours, and what it was told already is left out. 0 or -ENOMEM; to be finished in either case. */
int introduction_make(struct introduced *ret, const struct introduction *i, const char *run_id,
	const struct forward_about *about, const struct forward_cursor *cursor);
void introduced_finish(struct introduced *introduced);

/* UpsertBucket's body. 0, -ENOMEM or -EINVAL as payload_upsert. */
int introduction_write(struct buf *out, const struct introduction *i, const char *run_id,
	const struct forward_about *about, const struct forward_cursor *cursor);

#define INTRODUCTION_PROJECT "uncategorized" /* W&B's own name for none */

/* What people have done to a run by asking for it: another name, other tags, alerts that are acknowledged, all of it removed.
 * On the worker, between commits, whole or not at all, with an event that says who asked.
 *
 * What a person set stands: from then on the trainer's own name, or tags, change nothing (the statements in row.c), until that
 * is undone. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bounds.h"
#include "db.h"

struct known;
struct slots;

#define AMEND_WHO_MAX   80u
#define AMEND_WORDS_MAX 512u

enum amendment_kind {
	AMEND_NAME,
	AMEND_TAGS,
	AMEND_ALERTS,
	AMEND_REMOVE,
};

enum amend_result {
	AMEND_DONE = 0,
	AMEND_UNCHANGED,
	AMEND_NO_SUCH_RUN,
	AMEND_GOES_ON,  /* it is being trained: it is not removed */
	AMEND_UNSENT,   /* W&B does not have all of it: not without `force` */
	AMEND_TOO_MANY, /* tags */
};

struct amendment {
	enum amendment_kind kind;
	char id[RUN_ID_MAX + 1];     /* of the run; AMEND_ALERTS: "" */
	char who[AMEND_WHO_MAX + 1]; /* asks */
	double now;                  /* seconds since 1970, when he did */
	json_t *name;                /* AMEND_NAME: a text, unless it is undone */
	json_t *add, *take;          /* AMEND_TAGS: lists of texts */
	json_t *alerts;              /* AMEND_ALERTS: objects with "id", "kind" and "words" */
	bool undo; /* AMEND_ALERTS: they are not known of any longer; name and tags: the trainer's own again */
	bool force, look_only;       /* AMEND_REMOVE: whether it could be */
	char words[AMEND_WORDS_MAX]; /* what became of it, in a sentence */
};

void amendment_destroy(struct amendment *a);

/* An enum amend_result with words, or below 0 as in db.h: then nothing has happened. */
int amend(struct amendment *a, struct db *db, const struct slots *slots, struct known *known);

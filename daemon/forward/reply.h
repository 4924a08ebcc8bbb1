/* What W&B says back. Tolerant: unknown members are passed over, and garbage is an error in words, never more. Pure. */
#pragma once

#include <stdbool.h>

#include "message.h"

struct reply_upsert {                    /* texts malloc'ed */
	char *run_id, *project, *entity; /* what W&B calls them from now on */
	char *storage_id, *display_name; /* NULL: it does not say */
	bool is_new;                     /* `inserted`; false when it does not say */
	int64_t history_lines;           /* -1: it does not say */
};

/* 0, -ENOMEM, or -EBADMSG with words: GraphQL errors in W&B's own words, or what is missing. Words are fit for
 * a log, whoever wrote them. */
int reply_read_upsert(struct text body, struct reply_upsert *ret, char ret_words[256]);
void reply_upsert_finish(struct reply_upsert *u);

struct reply_resume {
	bool exists;           /* the run, with whatever it has; else nothing below is said */
	int64_t history_lines; /* -1: it does not say */
	bool has_step;         /* of its newest line, or else of its summary */
	int64_t step;
	bool has_timestamp; /* of its newest line */
	double timestamp;
};

/* As reply_read_upsert; history tails may hold NaN. A tail or a summary that cannot be read is garbage, not none. */
int reply_read_resume(struct text body, struct reply_resume *ret, char ret_words[256]);

/* Whether a file_stream answer asks the run to stop. Anything that is no JSON says nothing. */
bool reply_says_stopped(struct text body);

/* What an error answer says, in W&B's own words: `error`, `error.message`, `errors[].message`, else the beginning
 * of its text with whitespace folded and tags left out; "" when it says nothing. Control characters and broken
 * UTF-8 never pass, and it is cut between characters. */
void reply_error_words(struct text body, char ret_words[256]);

/* W&B never takes an id again that was deleted ("previously created and deleted"). */
bool reply_says_deleted(const char *words);

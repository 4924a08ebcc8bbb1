/* What somebody else wrote, made fit for a line of a log or a screen: whitespace folded, control characters and
 * broken UTF-8 never passed, cut between characters. */
#pragma once

#include <stdbool.h>

#include "message.h"

#define REPLY_WORDS_MAX 256u

struct reply_words {
	char *out; /* REPLY_WORDS_MAX bytes, NUL-terminated at any time */
	size_t len;
	bool gap;  /* whitespace came, nothing behind it yet */
	bool full; /* what comes is left out */
};

void reply_words_begin(struct reply_words *w, char out[REPLY_WORDS_MAX]);
void reply_words_add(struct reply_words *w, struct text text);

/* The same; of a proxy's page (what begins with a `<`) tags, scripts and styles are left out. */
void reply_words_add_body(struct reply_words *w, struct text body);

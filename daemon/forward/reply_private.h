/* What the files of reply.h share. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "reply.h"
#include "reply_words.h"

/* A body as JSON; NULL, and why not, where it is none. */
json_t *reply_json(struct text body, json_error_t *ret_error);

/* Whether W&B says that something failed; with its words, or "" where it has none. */
bool reply_has_error(const json_t *reply, char ret_words[REPLY_WORDS_MAX]);

/* The members of a JSON object that somebody else wrote (a config, a summary), as they stand in its text: what the core keeps
 * and passes on is not taken apart further. Reads bytes it does not own, and allocates nothing but a key made plain. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "message.h"

/* Whether `text` is one JSON object, nested no deeper than a reader of ours will follow. */
bool json_is_object(struct text text);

/* Walks the members of an object that json_is_object approved. *at starts at 0. The key is as it
 * stands in the text, without its quotes, escapes and all; the value is its JSON. */
bool json_next_member(struct text object, size_t *at, struct text *ret_key, struct text *ret_value);

/* A key as it stands in JSON, made plain: malloc'ed. Escapes of lone surrogates become U+FFFD. */
char *json_unescape(struct text key);

/* JSON as text: the little of it the core writes and reads (summaries, lists of texts). */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "message.h"

/* All append to `out`: 0 or -ENOMEM. */
int json_write_text(struct buf *out, struct text text);
/* Shortest form that reads back the same; "NaN", "Infinity" and "-Infinity" as texts. */
int json_write_number(struct buf *out, double number);
int json_write_value(struct buf *out, const struct value *value);
/* As W&B has it: what is not finite stands as the bare token NaN, Infinity or -Infinity. */
int json_write_bare_number(struct buf *out, double number);
int json_write_bare_value(struct buf *out, const struct value *value);
int json_write_list(struct buf *out, const struct text_list *list);

/* Whether `text` is one JSON object, nested no deeper than a reader of ours will follow. */
bool json_is_object(struct text text);

/* Walks the members of an object that json_is_object approved. *at starts at 0. The key is as it
 * stands in the text, without its quotes, escapes and all; the value is its JSON. */
bool json_next_member(struct text object, size_t *at, struct text *ret_key, struct text *ret_value);

/* A key as it stands in JSON, made plain: malloc'ed. Escapes of lone surrogates become U+FFFD. */
char *json_unescape(struct text key);

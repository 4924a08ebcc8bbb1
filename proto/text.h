/* What the protocol asks of any text: UTF-8 without NUL, and without control characters where
 * it names something that will be printed, stored as a key or made part of a path. */
#pragma once

#include "message.h"

/* NULL, or what is wrong with it as a phrase: "is not UTF-8". */
const char *text_flaw(struct text text, bool is_name);

bool text_is(struct text text, const char *word);
bool text_among(struct text text, const char *const *words); /* NULL ends them */
bool text_equal(struct text a, struct text b);

/* How many bytes of it fit into `max` without a character being cut. */
size_t text_fit(struct text text, size_t max);

/* Takes a character that was cut off from the end of what was written into a buffer too short for it. */
void text_mend_end(char *words);

/* Room for a peer's text in a sentence of ours. */
#define TEXT_QUOTE_SIZE 48u

/* Fills out with the beginning of `text` as printable ASCII, whatever it holds. Returns out. */
const char *text_quote(struct text text, char out[TEXT_QUOTE_SIZE]);

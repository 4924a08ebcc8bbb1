/* JSON as text: the little of it the core writes (lines, summaries, lists of texts). */
#pragma once

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

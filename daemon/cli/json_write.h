/* A JSON document as text that survives the round trip: every double in the shortest form that reads
 * back as the same, members in their order. */
#pragma once

#include <jansson.h>

#include "buf.h"

enum json_layout {
	JSON_ONE_LINE = 0,
	JSON_FOR_PEOPLE /* indented; a list of plain values stays on one line */
};

/* Appends, without a line's end. 0 or -ENOMEM. */
int json_write(struct buf *out, const json_t *value, enum json_layout layout);

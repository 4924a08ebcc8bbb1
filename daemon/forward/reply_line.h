/* What a line of a run says of its own place: JSON as W&B's clients write it, in which NaN, Infinity and -Infinity
 * are values, too. Only the members of the line itself are looked at. */
#pragma once

#include <stdbool.h>

#include "message.h"

struct reply_line {
	bool has_step; /* `_step`, a whole number however it is written */
	int64_t step;
	bool has_timestamp; /* `_timestamp`, finite */
	double timestamp;
};

/* Whether it is an object at all. */
bool reply_line_read(struct text line, struct reply_line *ret);

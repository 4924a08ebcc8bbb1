/* Inside of the open lines: for line*.c alone. */
#pragma once

#include "lines.h"

struct open_line {
	struct open_line *next; /* lines.first */
	struct place place;
	struct line_part *parts;
};

/* ---- line_part.c ---- */

/* All that hang on this one, too; NULL: none. */
void line_parts_free(struct line_part *part);
/* What of a value stands behind the entries of its part. Texts stand behind the doubles, which need the alignment the entries
 * end with. */
size_t value_doubles(const struct value *v);
size_t value_text_len(const struct value *v);

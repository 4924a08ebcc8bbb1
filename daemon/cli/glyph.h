/* Text as a terminal shows it. Names come from trainers: nothing here lets a control character,
 * broken UTF-8 or an invisible mark through. Pure, knows no locale. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One character, ready to be written. */
struct glyph {
	char bytes[5]; /* UTF-8, NUL-terminated */
	unsigned width;
};

/* Takes the next character of *text, which it advances; false at the end. What cannot be shown is '?',
 * and without `utf8` so is everything outside ASCII. */
bool glyph_next(const char **text, bool utf8, struct glyph *ret);

/* Columns the whole takes. */
unsigned glyph_columns(const char *text, bool utf8);

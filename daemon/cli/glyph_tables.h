/* Which characters take two columns of a terminal, and which none: from Unicode's own data, made when the program is built. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct glyph_range {
	uint32_t first, last;
};

/* In order. */
extern const struct glyph_range glyph_wide[], glyph_combining[];
extern const size_t glyph_n_wide, glyph_n_combining;

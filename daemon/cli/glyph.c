#include "glyph.h"

#include <string.h>

#include "glyph_tables.h"

#define REPLACEMENT 0xfffdu

/* Controls, and marks that show nothing or turn the text around them. */
static const struct glyph_range hidden[] = {
	{0x0000, 0x001f},
	{0x007f, 0x009f},
	{0x00ad, 0x00ad},
	{0x061c, 0x061c},
	{0x200b, 0x200f},
	{0x2028, 0x202e},
	{0x2060, 0x206f},
	{0xd800, 0xdfff},
	{0xfeff, 0xfeff},
	{0xfff0, 0xfffd},
	{0xe0000, 0xe0fff},
	{0x110000, UINT32_MAX},
};

static bool within(uint32_t c, const struct glyph_range *ranges, size_t n) {
	size_t first = 0;

	while (first < n) {
		size_t middle = first + (n - first) / 2;
		if (c > ranges[middle].last) {
			first = middle + 1;
		} else if (c < ranges[middle].first) {
			n = middle;
		} else {
			return true;
		}
	}
	return false;
}

static unsigned width_of(uint32_t c) {
	return c < 0x300                                       ? 1
	       : within(c, glyph_combining, glyph_n_combining) ? 0
	       : within(c, glyph_wide, glyph_n_wide)           ? 2
							       : 1;
}

/* Decodes one code point and advances; an illegal byte alone is U+FFFD. */
static uint32_t decode_utf8(const char **text) {
	static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)*text;
	unsigned more = p[0] < 0x80                   ? 0
			: p[0] >= 0xc2 && p[0] < 0xe0 ? 1
			: p[0] >= 0xe0 && p[0] < 0xf0 ? 2
			: p[0] >= 0xf0 && p[0] < 0xf5 ? 3
						      : 4;
	uint32_t c = more == 0 ? p[0] : p[0] & (0x3fu >> more);

	*text += 1;
	if (more == 4) {
		return REPLACEMENT;
	}
	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return REPLACEMENT;
		}
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < smallest[more]) {
		return REPLACEMENT;
	}
	*text += more;
	return c;
}

bool glyph_next(const char **text, bool utf8, struct glyph *ret) {
	const char *start = *text;

	if (*start == '\0') {
		return false;
	}

	uint32_t c = decode_utf8(text);
	size_t len = (size_t)(*text - start);

	*ret = (struct glyph){.bytes = "?", .width = 1};
	if (within(c, hidden, sizeof(hidden) / sizeof(hidden[0])) || (!utf8 && c >= 0x80)) {
		return true;
	}
	memcpy(ret->bytes, start, len);
	ret->bytes[len] = '\0';
	ret->width = width_of(c);
	return true;
}

unsigned glyph_columns(const char *text, bool utf8) {
	struct glyph glyph;
	unsigned width = 0;

	while (glyph_next(&text, utf8, &glyph)) {
		width += glyph.width;
	}
	return width;
}

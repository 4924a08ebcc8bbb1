#include "glyph.h"

#include <stddef.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

struct range {
	uint32_t first, last;
};

/* Two columns wide in every terminal: East Asian scripts and their forms, emoji. */
static const struct range wide[] = {
	{0x1100, 0x115f},
	{0x2e80, 0x303e},
	{0x3041, 0x33ff},
	{0x3400, 0x4dbf},
	{0x4e00, 0x9fff},
	{0xa000, 0xa4cf},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe4f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f900, 0x1f9ff},
	{0x20000, 0x3fffd},
};

/* Marks that sit on the character before them. */
static const struct range combining[] = {
	{0x0300, 0x036f},
	{0x0483, 0x0489},
	{0x0591, 0x05bd},
	{0x064b, 0x065f},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x20d0, 0x20ff},
	{0xfe00, 0xfe0f},
	{0xfe20, 0xfe2f},
};

/* Controls, and marks that show nothing or turn the text around them. */
static const struct range hidden[] = {
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

static bool within(uint32_t c, const struct range *ranges, size_t n) {
	for (size_t i = 0; i < n; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

#define WITHIN(c, ranges) within(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

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
	if (WITHIN(c, hidden) || (!utf8 && c >= 0x80)) {
		return true;
	}
	memcpy(ret->bytes, start, len);
	ret->bytes[len] = '\0';
	ret->width = WITHIN(c, combining) ? 0 : WITHIN(c, wide) ? 2 : 1;
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

#include "braille.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t bits[BRAILLE_DOWN][BRAILLE_ACROSS] = {
	{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

#define UPPER_HALF 0x1bu
#define LOWER_HALF 0xe4u

int braille_init(struct braille *b, unsigned width, unsigned height) {
	size_t n = (size_t)width * height + 1;

	*b = (struct braille){width, height, calloc(n, 1), calloc(n, 1)};
	if (b->dots && b->faint) {
		return 0;
	}
	braille_finish(b);
	return -ENOMEM;
}

void braille_finish(struct braille *b) {
	free(b->dots);
	free(b->faint);
	*b = (struct braille){0};
}

static void set(const struct braille *b, uint8_t *dots, int x, int y) {
	if (x >= 0 && y >= 0 && (unsigned)x < b->width * BRAILLE_ACROSS &&
		(unsigned)y < b->height * BRAILLE_DOWN) {
		unsigned cell =
			(unsigned)y / BRAILLE_DOWN * b->width + (unsigned)x / BRAILLE_ACROSS;
		dots[cell] |= bits[(unsigned)y % BRAILLE_DOWN][(unsigned)x % BRAILLE_ACROSS];
	}
}

void braille_dot(struct braille *b, int x, int y) {
	set(b, b->dots, x, y);
}

void braille_line(struct braille *b, int x0, int y0, int x1, int y1) {
	int across = abs(x1 - x0), down = abs(y1 - y0);
	int n = across > down ? across : down;

	for (int i = 0; i <= n; i++) {
		int x = n == 0 ? x0 : x0 + (2 * i * (x1 - x0) + (x1 > x0 ? n : -n)) / (2 * n);
		int y = n == 0 ? y0 : y0 + (2 * i * (y1 - y0) + (y1 > y0 ? n : -n)) / (2 * n);
		braille_dot(b, x, y);
	}
}

void braille_span(struct braille *b, int x, int y0, int y1) {
	int last = (int)(b->height * BRAILLE_DOWN) - 1;
	int from = y0 < y1 ? y0 : y1, to = y0 < y1 ? y1 : y0;

	for (int y = from < 0 ? 0 : from; y <= to && y <= last; y++) {
		set(b, b->faint, x, y);
	}
}

static void cell_text(uint8_t dots, bool utf8, char out[5]) {
	if (utf8) {
		snprintf(out, 5, "%c%c%c", 0xe2, 0xa0 | dots >> 6, 0x80 | (dots & 0x3f));
	} else {
		bool upper = dots & UPPER_HALF, lower = dots & LOWER_HALF;
		snprintf(out, 5, "%s", upper && lower ? ":" : upper ? "'" : ".");
	}
}

void braille_draw(const struct braille *b, struct grid *g, unsigned x, unsigned y, unsigned style) {
	char text[5];

	for (unsigned i = 0; i < b->width * b->height; i++) {
		uint8_t dots = b->dots[i] | b->faint[i];
		if (dots != 0) {
			cell_text(dots, g->utf8, text);
			(void)grid_put(g, x + i % b->width, y + i / b->width, 1,
				b->dots[i] ? style : STYLE_DIM, text);
		}
	}
}

#include "canvas.h"

#include <stdlib.h>
#include <string.h>

#include "glyph.h"

#define TEXT_MAX 1024u /* bytes of what is drawn; nobody reads more on a picture */

void canvas_line(struct canvas *c, const struct place *places, size_t n, const struct pen *pen) {
	if (n > 1) {
		c->kind->line(c, places, n, pen);
	}
}

void canvas_segment(
	struct canvas *c, double x1, double y1, double x2, double y2, const struct pen *pen) {
	const struct place places[] = {{x1, y1}, {x2, y2}};

	c->kind->line(c, places, 2, pen);
}

void canvas_area(struct canvas *c, const struct place *places, size_t n, struct colour colour) {
	if (n > 2) {
		c->kind->area(c, places, n, colour);
	}
}

void canvas_box(struct canvas *c, const struct box *box, struct colour colour) {
	const struct place places[] = {{box->left, box->top}, {box->right, box->top},
		{box->right, box->bottom}, {box->left, box->bottom}};

	c->kind->area(c, places, 4, colour);
}

void canvas_disc(struct canvas *c, struct place centre, double radius, struct colour fill,
	const struct pen *rim) {
	c->kind->disc(c, centre, radius, fill, rim);
}

void canvas_clip(struct canvas *c, const struct box *box) {
	c->kind->clip(c, box);
}

/* ---- words ---- */

/* What can be shown of a text, character by character. */
struct shown {
	char text[TEXT_MAX + 8];
	size_t start[TEXT_MAX + 1]; /* of each character, and the end */
	size_t n;
};

static void show(struct shown *s, const char *text) {
	struct glyph glyph;
	size_t len = 0;

	s->n = 0;
	while (len < TEXT_MAX && glyph_next(&text, true, &glyph)) {
		size_t bytes = strlen(glyph.bytes);
		s->start[s->n++] = len;
		memcpy(s->text + len, glyph.bytes, bytes);
		len += bytes;
	}
	s->text[len] = '\0';
	s->start[s->n] = len;
}

/* So many characters of it, as many of them from its end as from its start. */
static void shorten(const struct shown *s, size_t n, char *ret) {
	size_t front = s->start[n - n / 2], back = s->start[s->n - n / 2];

	memcpy(ret, s->text, front);
	memcpy(ret + front, "\u2026", 3);
	memcpy(ret + front + 3, s->text + back, s->start[s->n] - back + 1);
}

static double width(struct canvas *c, const char *text, const struct lettering *l) {
	return c->kind->width_of(c, text, l->size, l->bold);
}

void canvas_words(
	struct canvas *c, double x, double y, const char *text, const struct lettering *lettering) {
	struct shown s;

	show(&s, text);
	c->kind->words(c, (struct place){x, y}, s.text, lettering);
}

double canvas_words_within(struct canvas *c, double x, double y, const char *text, double room,
	const struct lettering *lettering) {
	struct shown s;
	char cut[sizeof s.text + 3];

	show(&s, text);
	double wide = width(c, s.text, lettering);
	const char *fits = s.text;
	if (wide > room) {
		size_t low = 0, high = s.n; /* so many fit; so many do not */
		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;
			shorten(&s, middle, cut);
			if (width(c, cut, lettering) <= room) {
				low = middle;
			} else {
				high = middle;
			}
		}
		shorten(&s, low, cut);
		fits = cut;
		wide = width(c, cut, lettering);
	}
	c->kind->words(c, (struct place){x, y}, fits, lettering);
	return wide;
}

double canvas_width_of(struct canvas *c, const char *text, const struct lettering *lettering) {
	struct shown s;

	show(&s, text);
	return width(c, s.text, lettering);
}

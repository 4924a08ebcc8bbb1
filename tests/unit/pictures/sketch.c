#include "sketch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glyph.h"

static struct sketch_mark *add(struct canvas *c, enum sketch_what what, const struct place *places,
	size_t n, struct colour colour) {
	struct sketch *s = (struct sketch *)c;

	if (s->n == SKETCH_MARKS_MAX || s->n_places + n > SKETCH_PLACES_MAX) {
		abort(); /* a test that draws more wants larger lists */
	}
	memcpy(s->places + s->n_places, places, n * sizeof *places);
	s->marks[s->n] = (struct sketch_mark){
		.what = what, .places = s->places + s->n_places, .n = n, .colour = colour};
	s->n_places += n;
	return &s->marks[s->n++];
}

static double width_of(struct canvas *c, const char *text, double size, bool bold) {
	(void)c;
	(void)bold;
	return glyph_columns(text, true) * size / 2;
}

static void line(struct canvas *c, const struct place *places, size_t n, const struct pen *pen) {
	add(c, SKETCH_LINE, places, n, pen->colour)->width = pen->width;
}

static void area(struct canvas *c, const struct place *places, size_t n, struct colour colour) {
	(void)add(c, SKETCH_AREA, places, n, colour);
}

static void disc(struct canvas *c, struct place centre, double radius, struct colour fill,
	const struct pen *rim) {
	(void)rim;
	add(c, SKETCH_DISC, &centre, 1, fill)->size = radius;
}

static void words(struct canvas *c, struct place at, const char *text, const struct lettering *l) {
	double width = width_of(c, text, l->size, l->bold);

	at.x -= l->anchor == ANCHOR_MIDDLE ? width / 2 : l->anchor == ANCHOR_END ? width : 0;
	struct sketch_mark *mark = add(c, SKETCH_WORDS, &at, 1, l->colour);
	mark->width = width;
	mark->size = l->size;
	snprintf(mark->text, sizeof mark->text, "%s", text);
}

static void clip(struct canvas *c, const struct box *box) {
	(void)c;
	(void)box;
}

static const struct canvas_kind kind = {line, area, disc, words, width_of, clip};

struct sketch *sketch_create(void) {
	struct sketch *s = calloc(1, sizeof *s);

	if (s != NULL) {
		s->canvas.kind = &kind;
	}
	return s;
}

bool sketch_same(struct colour a, struct colour b) {
	return a.red == b.red && a.green == b.green && a.blue == b.blue && a.alpha == b.alpha;
}

const struct sketch_mark *sketch_words(const struct sketch *s, const char *text) {
	for (size_t i = 0; i < s->n; i++) {
		if (s->marks[i].what == SKETCH_WORDS && strcmp(s->marks[i].text, text) == 0) {
			return &s->marks[i];
		}
	}
	return NULL;
}

const struct sketch_mark *sketch_find(
	const struct sketch *s, enum sketch_what what, struct colour colour, size_t n) {
	for (size_t i = 0; i < s->n; i++) {
		if (s->marks[i].what == what && sketch_same(s->marks[i].colour, colour) &&
			n-- == 0) {
			return &s->marks[i];
		}
	}
	return NULL;
}

size_t sketch_count(const struct sketch *s, enum sketch_what what, struct colour colour) {
	size_t n = 0;

	while (sketch_find(s, what, colour, n) != NULL) {
		n++;
	}
	return n;
}

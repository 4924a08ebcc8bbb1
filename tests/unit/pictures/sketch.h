/* A canvas that remembers what was drawn on it; every letter is half as wide as it is high. */
#pragma once

#include "canvas.h"

#define SKETCH_MARKS_MAX  4096u
#define SKETCH_PLACES_MAX 65536u

enum sketch_what { SKETCH_LINE = 0, SKETCH_AREA, SKETCH_DISC, SKETCH_WORDS };

struct sketch_mark {
	enum sketch_what what;
	const struct place *places; /* of a disc its centre, of words their baseline's start */
	size_t n;
	struct colour colour;
	double width; /* of a line, or of words */
	double size;  /* of words; a disc's radius */
	char text[256];
};

struct sketch {
	struct canvas canvas;
	struct sketch_mark marks[SKETCH_MARKS_MAX];
	struct place places[SKETCH_PLACES_MAX];
	size_t n, n_places;
};

struct sketch *sketch_create(void);

bool sketch_same(struct colour a, struct colour b);

/* The first words that are these, NULL where there are none; and how many are. */
const struct sketch_mark *sketch_words(const struct sketch *s, const char *text);
size_t sketch_count(const struct sketch *s, enum sketch_what what, struct colour colour);
/* The nth mark of its kind and colour. */
const struct sketch_mark *sketch_find(
	const struct sketch *s, enum sketch_what what, struct colour colour, size_t n);

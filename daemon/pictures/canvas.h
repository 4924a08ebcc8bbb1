/* What pictures are drawn on: lines, areas, discs and words in a plane whose unit is 1/96 inch and whose origin is at the top
 * left. Whoever draws knows no library; a test's canvas remembers what was drawn. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct colour {
	double red, green, blue, alpha; /* 0 to 1 */
};

struct place {
	double x, y;
};

struct box {
	double left, top, right, bottom;
};

struct pen {
	struct colour colour;
	double width;
	double dash; /* 0: an unbroken line */
};

enum anchor { ANCHOR_START = 0, ANCHOR_MIDDLE, ANCHOR_END };

struct lettering {
	struct colour colour;
	double size;
	bool bold;
	enum anchor anchor;
	bool upward; /* turned, to be read from below */
};

struct canvas;

struct canvas_kind {
	void (*line)(struct canvas *c, const struct place *places, size_t n, const struct pen *pen);
	void (*area)(struct canvas *c, const struct place *places, size_t n, struct colour colour);
	void (*disc)(struct canvas *c, struct place centre, double radius, struct colour fill,
		const struct pen *rim);
	/* `at` is on the words' baseline. */
	void (*words)(struct canvas *c, struct place at, const char *text,
		const struct lettering *lettering);
	double (*width_of)(struct canvas *c, const char *text, double size, bool bold);
	/* From here on nothing is drawn outside of it; NULL: anywhere again. */
	void (*clip)(struct canvas *c, const struct box *box);
};

struct canvas {
	const struct canvas_kind *kind;
};

void canvas_line(struct canvas *c, const struct place *places, size_t n, const struct pen *pen);
void canvas_segment(
	struct canvas *c, double x1, double y1, double x2, double y2, const struct pen *pen);
void canvas_area(struct canvas *c, const struct place *places, size_t n, struct colour colour);
void canvas_box(struct canvas *c, const struct box *box, struct colour colour);
void canvas_disc(struct canvas *c, struct place centre, double radius, struct colour fill,
	const struct pen *rim);
void canvas_clip(struct canvas *c, const struct box *box);

/* Text comes from trainers: of what cannot be shown a '?' is drawn. */
void canvas_words(
	struct canvas *c, double x, double y, const char *text, const struct lettering *lettering);
/* The same in at most `room`; what is longer loses its middle, where names of one sweep are the same. Returns the width. */
double canvas_words_within(struct canvas *c, double x, double y, const char *text, double room,
	const struct lettering *lettering);
double canvas_width_of(struct canvas *c, const char *text, const struct lettering *lettering);

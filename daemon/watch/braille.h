/* A canvas of dots, two across and four down a cell. Pure. Where there is no braille, a cell has the dots of its upper half,
 * of its lower one, or of both: ' . : */
#pragma once

#include "grid.h"

#define BRAILLE_ACROSS 2u
#define BRAILLE_DOWN   4u

struct braille {
	unsigned width, height; /* in cells */
	uint8_t *dots;          /* a bit each, as Unicode orders them */
	uint8_t *faint;         /* those that are there, but are not what is looked at */
};

/* 0 or -ENOMEM. */
int braille_init(struct braille *b, unsigned width, unsigned height);
void braille_finish(struct braille *b);

/* Dots count from the left and from above; outside of the canvas are none. */
void braille_dot(struct braille *b, int x, int y);
void braille_line(struct braille *b, int x0, int y0, int x1, int y1);
/* A faint column of dots, both ends included. */
void braille_span(struct braille *b, int x, int y0, int y1);

/* Onto the grid with its upper left corner at (x, y): `style` for cells with a dot, faint where all are. */
void braille_draw(const struct braille *b, struct grid *g, unsigned x, unsigned y, unsigned style);

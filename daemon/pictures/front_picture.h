/* A front as it is drawn: what draws its points and what writes their names know this of each other. */
#pragma once

#include "chart_frame.h"
#include "document.h"
#include "label_place.h"

#define FRONT_RADIUS 4.0

struct front_point {
	const json_t *run;
	struct place place;
	double x, y;
	bool on_front;
};

struct front_picture {
	struct chart_frame frame;
	const json_t *figures, *runs;
	struct box box;
	struct axis x, y;
	bool x_higher, y_higher;
	struct front_point *points;
	size_t n, n_front; /* those on the front come first, from left to right */
	struct label *labels;
	struct place *places, *stair;
	size_t n_stair;
	double note_y;
};

/* Each name where it has room, those on the front first. Returns how many there was no room for. */
size_t front_names_draw(const struct front_picture *f);

#include "layout.h"

#define RUNS_SHARE    27u /* percent of the width */
#define RUNS_MIN      26u
#define RUNS_MAX      50u
#define THREE_CURVES  160u /* columns from which there is room for three beside one another */
#define TWO_ROWS      20u /* lines of the upper half from which there is room for two rows of them */
#define TALL          40u /* lines from which there is room for more than one alert */
#define ALERTS_TALL   3u
#define SPARSITY_MIN  26u
#define SPARSITY_WIDE 30u

static unsigned between(unsigned value, unsigned least, unsigned most) {
	return value < least ? least : value > most ? most : value;
}

/* The part of `length` before the i-th of n equal parts' begin. */
static unsigned part(unsigned length, unsigned i, unsigned n) {
	return length * i / n;
}

static void place_curves(const struct rect *area, unsigned across, struct layout *ret) {
	unsigned down = area->height >= TWO_ROWS ? 2 : 1;

	for (unsigned i = 0; i < across * down; i++) {
		unsigned x = part(area->width, i % across, across);
		unsigned y = part(area->height, i / across, down);
		ret->curves[ret->n_curves++] = (struct rect){area->x + x, area->y + y,
			part(area->width, i % across + 1, across) - x,
			part(area->height, i / across + 1, down) - y};
	}
}

bool layout_make(unsigned width, unsigned height, struct layout *ret) {
	if (width < LAYOUT_WIDTH_MIN || height < LAYOUT_HEIGHT_MIN) {
		return false;
	}
	unsigned alerts = height >= TALL ? ALERTS_TALL : 1;
	unsigned upper = (height - 1 - alerts + 1) / 2, lower = height - 1 - alerts - upper;
	unsigned runs = between(width * RUNS_SHARE / 100, RUNS_MIN, RUNS_MAX);
	unsigned sparsity = width >= LOOK_WIDE ? SPARSITY_WIDE : SPARSITY_MIN;

	*ret = (struct layout){
		.title = {0, 0, width, 1},
		.runs = {0, 1, runs, upper},
		.density = {0, 1 + upper, width - sparsity, lower},
		.sparsity = {width - sparsity, 1 + upper, sparsity, lower},
		.alerts = {0, 1 + upper + lower, width, alerts},
	};
	place_curves(
		&(struct rect){runs, 1, width - runs, upper}, width >= THREE_CURVES ? 3 : 2, ret);
	return true;
}

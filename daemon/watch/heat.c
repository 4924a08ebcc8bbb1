#include "heat.h"

#include <math.h>

#define BINS_A_DECADE 20u
#define DECADES       10u
#define EXPONENT      0.7

unsigned heat_per_decade(unsigned room, unsigned decades) {
	for (unsigned bins = 1; bins <= BINS_A_DECADE && decades > 0; bins++) {
		if (BINS_A_DECADE % bins == 0 && decades * (BINS_A_DECADE / bins) <= room) {
			return BINS_A_DECADE / bins;
		}
	}
	return 0;
}

unsigned heat_counts(
	const json_t *window, unsigned decades, unsigned per_decade, double ret[HEAT_COLUMNS_MAX]) {
	const json_t *counts = document_at(window, "histogram.counts");
	unsigned n = decades * per_decade;

	if (json_array_size(counts) != (size_t)DECADES * BINS_A_DECADE || decades > DECADES ||
		n == 0 || n > HEAT_COLUMNS_MAX) {
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		ret[i] = 0;
	}
	unsigned first = (DECADES - decades) * BINS_A_DECADE, a_column = BINS_A_DECADE / per_decade;
	for (unsigned bin = first; bin < DECADES * BINS_A_DECADE; bin++) {
		ret[(bin - first) / a_column] += json_number_value(json_array_get(counts, bin));
	}
	return n;
}

/* Less than in proportion: the tails are what one looks for, and they are thin. */
unsigned heat_shade(double count, double most) {
	if (!(count > 0) || !(most > 0)) {
		return 0;
	}
	double shade = ceil(GRID_SHADES * pow(count / most, EXPONENT));
	return shade < 1 ? 1 : shade > GRID_SHADES ? GRID_SHADES : (unsigned)shade;
}

const char *heat_glyph(unsigned shade, bool utf8) {
	static const char *const shades[] = {"░", "▒", "▓", "█"};
	static const char *const ascii[] = {".", ":", "-", "=", "+", "*", "#", "%", "@"};

	if (shade == 0) {
		return " ";
	}
	return utf8 ? shades[(shade - 1) / 2] : ascii[(shade - 1) * 8 / (GRID_SHADES - 1)];
}

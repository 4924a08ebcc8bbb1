#include "count.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char units[] = "kMGT";

/* 1 behind a number without a unit, 0 for what is none. */
static double factor_of(const char *unit) {
	const char *at = unit[0] != '\0' ? strchr(units, unit[0] == 'K' ? 'k' : unit[0]) : NULL;

	if (unit[0] == '\0') {
		return 1;
	}
	return at && unit[1] == '\0' ? pow(1000, (double)(at - units) + 1) : 0;
}

int count_read(const char *text, uint64_t *ret) {
	char *end;

	/* strtod would take blanks, signs, hexadecimal numbers and infinity. */
	if (!isdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X') {
		return -EINVAL;
	}
	double factor, count = strtod(text, &end);
	factor = factor_of(end);
	/* 1.1 × 1000 is not exactly 1100. */
	double whole = round(count * factor);
	if (factor == 0 || fabs(whole - count * factor) > 1e-9 * whole || !(whole < 0x1p63)) {
		return -EINVAL;
	}
	*ret = (uint64_t)whole;
	return 0;
}

/* How many decimals a number of thousandths, millionths, … needs. */
static int decimals_of(uint64_t rest, uint64_t unit) {
	int decimals = 0;

	for (; rest > 0; rest = rest * 10 % unit) {
		decimals++;
	}
	return decimals;
}

char *count_write_above(char out[FORMAT_MAX], uint64_t count) {
	uint64_t step = 1, unit = 1;
	size_t n_units = 0;

	while (count / step >= 1000) {
		step *= 10;
	}
	count = (count / step + (count % step > 0)) * step;
	for (; n_units < sizeof(units) - 1 && count / unit >= 1000; n_units++) {
		unit *= 1000;
	}
	snprintf(out, FORMAT_MAX, "%.*f%.*s", decimals_of(count % unit, unit),
		(double)count / (double)unit, n_units > 0, n_units > 0 ? &units[n_units - 1] : "");
	return out;
}

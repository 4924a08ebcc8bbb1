#include "threshold.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 17 /* of a double */

__extension__ typedef unsigned __int128 wide;

/* threshold = digits × 10^exponent, with as few digits as read back as the same double. */
static void shortest_decimal(double threshold, uint64_t *ret_digits, int *ret_exponent) {
	char text[DIGITS_MAX + 16];

	for (int after = 0; after < DIGITS_MAX; after++) {
		(void)snprintf(text, sizeof(text), "%.*e", after, threshold);
		if (after == DIGITS_MAX - 1 || strtod(text, NULL) == threshold) {
			/* d.ddde-xx, whatever this locale's point is. */
			uint64_t digits = (uint64_t)(text[0] - '0');
			const char *p = text + (after > 0 ? 2 : 1);
			for (; *p != 'e'; p++) {
				digits = digits * 10 + (uint64_t)(*p - '0');
			}
			*ret_digits = digits;
			*ret_exponent = (int)strtol(p + 1, NULL, 10) - after;
			return;
		}
	}
}

uint64_t threshold_limit(double threshold, uint64_t rows) {
	assert(threshold > 0 && threshold <= 1);
	uint64_t digits = 0;
	int exponent = 0;

	if (rows == 0) {
		return 0;
	}
	shortest_decimal(threshold, &digits, &exponent);
	/* digits < 2^57, so this fits; and once the power exceeds it one firing is enough. */
	wide product = (wide)digits * rows;
	wide power = 1;
	for (; exponent < 0; exponent++) {
		power *= 10;
		if (power >= product) {
			return 1;
		}
	}
	return (uint64_t)((product + power - 1) / power);
}

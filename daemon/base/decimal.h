/* A double in decimal: as few digits as read back the same, and of those the nearest. */
#pragma once

#include <stdbool.h>

#define DECIMAL_DIGITS_MAX 17 /* that many tell any two doubles apart */

/* ±d1.d2d3… × 10^exponent, no zeros at its end. */
struct decimal {
	bool negative;
	char digits[DECIMAL_DIGITS_MAX + 1]; /* a text */
	int n_digits, exponent;
};

void decimal_of(struct decimal *ret, double value); /* a finite one */

#include "repr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

#define EXPONENT_FIXED_MIN (-4)
#define EXPONENT_FIXED_MAX 16

static void write_scientific(char out[REPR_MAX], const struct decimal *d) {
	snprintf(out, REPR_MAX, "%s%c%s%se%c%02d", d->negative ? "-" : "", d->digits[0],
		d->n_digits > 1 ? "." : "", d->digits + 1, d->exponent < 0 ? '-' : '+',
		abs(d->exponent));
}

static void write_fixed(char out[REPR_MAX], const struct decimal *d) {
	size_t n_digits = (size_t)d->n_digits;
	int whole = d->exponent + 1; /* digits before the point */
	if (d->negative) {
		*out++ = '-';
	}
	if (whole <= 0) {
		memcpy(out, "0.", 2);
		memset(out + 2, '0', (size_t)-whole);
		memcpy(out + 2 - whole, d->digits, n_digits + 1);
	} else if (whole >= d->n_digits) {
		memcpy(out, d->digits, n_digits);
		memset(out + n_digits, '0', (size_t)whole - n_digits);
		memcpy(out + whole, ".0", 3);
	} else {
		memcpy(out, d->digits, (size_t)whole);
		out[whole] = '.';
		memcpy(out + whole + 1, d->digits + whole, n_digits - (size_t)whole + 1);
	}
}

char *repr_double(char out[REPR_MAX], double value) {
	if (!isfinite(value)) {
		snprintf(out, REPR_MAX, "%s",
			isnan(value) ? "NaN"
			: value > 0  ? "Infinity"
				     : "-Infinity");
		return out;
	}

	struct decimal d;
	decimal_of(&d, value);
	if (d.exponent < EXPONENT_FIXED_MIN || d.exponent >= EXPONENT_FIXED_MAX) {
		write_scientific(out, &d);
	} else {
		write_fixed(out, &d);
	}
	return out;
}

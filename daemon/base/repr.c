#include "repr.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_ALWAYS_KEPT 15 /* that many decimal digits survive decimal → double → decimal */
#define DIGITS_ENOUGH      17 /* that many tell any two doubles apart */
#define EXPONENT_FIXED_MIN (-4)
#define EXPONENT_FIXED_MAX 16

/* value = ±0.d1d2d3… × 10^(exponent + 1), in as few digits as read back the same. */
struct decimal {
	bool negative;
	char digits[DIGITS_ENOUGH + 1];
	int n_digits, exponent;
};

static void decimal_parse(struct decimal *d, const char *scientific) {
	d->negative = scientific[0] == '-';
	d->n_digits = 0;
	const char *p = scientific + (d->negative ? 1 : 0);
	for (; *p != 'e'; p++) {
		if (*p != '.') {
			d->digits[d->n_digits++] = *p;
		}
	}
	d->exponent = (int)strtol(p + 1, NULL, 10);
	while (d->n_digits > 1 && d->digits[d->n_digits - 1] == '0') {
		d->n_digits--;
	}
	d->digits[d->n_digits] = '\0';
}

/* The next decimal of as many digits, away from zero. All nines stay: no power of two has those. */
static void decimal_text_increment(char *text) {
	char *p = strchr(text, 'e') - 1;
	while (p > text && (*p == '9' || *p == '.')) {
		p--;
	}
	if (*p >= '0' && *p < '9') {
		(*p)++;
		while (*++p != 'e') {
			*p = *p == '.' ? '.' : '0';
		}
	}
}

/* Above a power of two doubles lie twice as far apart as below it: there the nearest decimal of
 * some length may be another double's while the next one up is not. */
static bool lopsided(double value) {
	int exponent;
	return fabs(frexp(value, &exponent)) == 0.5;
}

static void decimal_of(struct decimal *ret, double value) {
	char text[REPR_MAX];
	for (int digits = DIGITS_ALWAYS_KEPT; digits <= DIGITS_ENOUGH; digits++) {
		snprintf(text, sizeof text, "%.*e", digits - 1, value);
		if (strtod(text, NULL) == value) {
			break;
		}
		if (lopsided(value) && digits < DIGITS_ENOUGH) {
			decimal_text_increment(text);
			if (strtod(text, NULL) == value) {
				break;
			}
		}
	}
	decimal_parse(ret, text);
}

static void write_scientific(char out[REPR_MAX], const struct decimal *d) {
	snprintf(out, REPR_MAX, "%s%c%s%se%c%02d", d->negative ? "-" : "", d->digits[0],
		d->n_digits > 1 ? "." : "", d->digits + 1, d->exponent < 0 ? '-' : '+',
		abs(d->exponent));
}

static void write_fixed(char out[REPR_MAX], const struct decimal *d) {
	static const char zeros[] = "0000000000000000";
	const char *sign = d->negative ? "-" : "";
	int whole = d->exponent + 1; /* digits before the point */
	if (whole <= 0) {
		snprintf(out, REPR_MAX, "%s0.%.*s%s", sign, -whole, zeros, d->digits);
	} else if (whole >= d->n_digits) {
		snprintf(out, REPR_MAX, "%s%s%.*s.0", sign, d->digits, whole - d->n_digits, zeros);
	} else {
		snprintf(out, REPR_MAX, "%s%.*s.%s", sign, whole, d->digits, d->digits + whole);
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

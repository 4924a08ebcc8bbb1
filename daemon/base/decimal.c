#include "decimal.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_ALWAYS_KEPT 15                 /* that many survive decimal → double → decimal */
#define WHOLE_MAX          9007199254740992.0 /* 2^53: above it doubles skip whole numbers */

static void decimal_strip(struct decimal *d) {
	while (d->n_digits > 1 && d->digits[d->n_digits - 1] == '0') {
		d->n_digits--;
	}
	d->digits[d->n_digits] = '\0';
}

/* ---- tried, one length after the other ---- */

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
	decimal_strip(d);
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

static void decimal_search(struct decimal *ret, double value, int digits_min) {
	char text[32];
	for (int digits = digits_min; digits <= DECIMAL_DIGITS_MAX; digits++) {
		snprintf(text, sizeof text, "%.*e", digits - 1, value);
		if (strtod(text, NULL) == value) {
			break;
		}
		if (lopsided(value) && digits < DECIMAL_DIGITS_MAX) {
			decimal_text_increment(text);
			if (strtod(text, NULL) == value) {
				break;
			}
		}
	}
	decimal_parse(ret, text);
}

/* ---- worked out: ten times as fast ---- */

/* As many digits as `whole` has; the exponent is the caller's. */
static void decimal_set_digits(struct decimal *d, uint64_t whole) {
	char reversed[20];
	int n = 0;
	do {
		reversed[n++] = (char)('0' + whole % 10);
		whole /= 10;
	} while (whole > 0);
	d->n_digits = n;
	for (int i = 0; i < n; i++) {
		d->digits[i] = reversed[n - 1 - i];
	}
}

__extension__ typedef unsigned __int128 wide;

#define MANTISSA_BITS 53
#define FIVES_MAX     27 /* 5^27 fills 63 bits, so that a double's own 53 and they fit 128 */

/* product × 2^-shift × 10^-tens, which is exact; with so many tens that seventeen digits stand before the point. */
struct scaled {
	uint64_t mantissa, fives; /* 5^tens: how far apart doubles are here, in units of … */
	wide product;             /* … mantissa × fives */
	int shift;
};

static bool scale(struct scaled *s, double value, int tens) {
	int exponent;
	if (tens < 0 || tens > FIVES_MAX) {
		return false;
	}
	s->mantissa = (uint64_t)ldexp(frexp(value, &exponent), MANTISSA_BITS);
	s->shift = MANTISSA_BITS - exponent - tens;
	s->fives = 1;
	for (int i = 0; i < tens; i++) {
		s->fives *= 5;
	}
	s->product = (wide)s->mantissa * s->fives;
	return s->shift > 0;
}

/* These digits to the nearest multiple of unit, halves to an even one. *ret_off: how far that is, in units of the
 * product. */
static uint64_t round_to(const struct scaled *s, unsigned unit, wide *ret_off) {
	uint64_t n = (uint64_t)(s->product >> s->shift) / unit;
	wide below = (wide)(n * unit) << s->shift, step = (wide)unit << s->shift;
	wide over = s->product - below;
	bool up = over * 2 > step || (over * 2 == step && n % 2 == 1);
	*ret_off = up ? step - over : over;
	return (n + up) * unit;
}

/* Of everyday size, neither whole nor a power of two. False: it is not, and a search has to tell. */
static bool decimal_work_out(struct decimal *ret, double size) {
	static const uint64_t least = 10000000000000000u; /* of seventeen digits */
	struct scaled s;
	wide off;
	int exponent = (int)floor(log10(size));
	if (!scale(&s, size, DECIMAL_DIGITS_MAX - 1 - exponent)) {
		return false;
	}
	for (unsigned unit = 100; unit > 0; unit /= 10) {
		uint64_t digits = round_to(&s, unit, &off);
		if (digits < least || digits >= least * 10) {
			return false; /* the logarithm was rounded, or it is all nines */
		}
		/* Within half the distance to the next double; just there an even one wins. */
		if (unit == 1 || off * 2 < s.fives || (off * 2 == s.fives && s.mantissa % 2 == 0)) {
			decimal_set_digits(ret, digits);
			ret->exponent = exponent;
			decimal_strip(ret);
			return true;
		}
	}
	return false;
}

void decimal_of(struct decimal *ret, double value) {
	double size = fabs(value);
	ret->negative = signbit(value);
	if (size < WHOLE_MAX && size == trunc(size)) {
		decimal_set_digits(ret, (uint64_t)size);
		ret->exponent = ret->n_digits - 1;
		decimal_strip(ret);
	} else if (size < DBL_MIN) {
		decimal_search(ret, value, 1);
	} else if (lopsided(value) || !decimal_work_out(ret, size)) {
		decimal_search(ret, value, DIGITS_ALWAYS_KEPT);
	}
}

#include "ticks.h"

#include <math.h>
#include <stdio.h>

#define SLACK     1e-9  /* of a step: a mark that is on the end of the range is within it */
#define SAME      1e-12 /* of the larger end: a range no wider has no room for steps */
#define TINY      1e-290
#define FROM_UNIT 1e4  /* from here on labels are in k, M, … */
#define FROM_E    1e-3 /* below it they have an exponent */
#define UNITS_END 1e21

static const double round_factors[] = {1, 2, 5};

/* Exactly rounded also where the power of ten is no binary fraction: 3 × 10^-1 is 0.3. */
static double times_power(double value, int exponent) {
	return exponent < 0 ? value / pow(10, -exponent) : value * pow(10, exponent);
}

static int exponent_of(double value) {
	int exponent = (int)floor(log10(fabs(value)));

	/* log10 of what is just below a power may be that power's. */
	return times_power(1, exponent) > fabs(value) ? exponent - 1 : exponent;
}

/* ---- labels ---- */

static void label_scaled(char *out, double scaled, int decimals, const char *unit) {
	snprintf(out, FORMAT_MAX, "%.*f%s", decimals > 0 ? decimals : 0, scaled, unit);
}

/* `largest` of the axis decides the unit, the exponent of its steps the decimals. */
static void label_make(char *out, double value, double largest, int step_exponent) {
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};

	if (value == 0) {
		snprintf(out, FORMAT_MAX, "0");
	} else if (largest >= UNITS_END || largest < FROM_E) {
		char unit[16]; /* e-308 */
		int exponent = exponent_of(largest);
		snprintf(unit, sizeof(unit), "e%d", exponent);
		label_scaled(out, times_power(value, -exponent), exponent - step_exponent, unit);
	} else if (largest >= FROM_UNIT) {
		int thousands = exponent_of(largest) / 3;
		label_scaled(out, times_power(value, -3 * thousands), 3 * thousands - step_exponent,
			units[thousands]);
	} else {
		label_scaled(out, value, -step_exponent, "");
	}
}

/* ---- evenly spaced ---- */

struct step {
	double factor;
	int exponent;
};

static double step_size(const struct step *s) {
	return times_power(s->factor, s->exponent);
}

/* The multiples of a step within the range: first … last. */
static void step_multiples(
	const struct step *s, double low, double high, double *ret_first, double *ret_last) {
	*ret_first = ceil(low / step_size(s) - SLACK);
	*ret_last = floor(high / step_size(s) + SLACK);
}

/* The finest that makes no more than `max` marks. */
static struct step step_choose(double low, double high, size_t max) {
	struct step s = {.exponent = exponent_of((high - low) / (double)max)};

	for (;; s.exponent++) {
		for (size_t i = 0; i < sizeof(round_factors) / sizeof(*round_factors); i++) {
			double first, last;
			s.factor = round_factors[i];
			step_multiples(&s, low, high, &first, &last);
			if (last - first + 1 <= (double)max) {
				return s;
			}
		}
	}
}

static size_t most_of(size_t max) {
	return max < TICKS_MAX ? max : TICKS_MAX;
}

static void ticks_single(double value, struct ticks *ret) {
	ret->n = 1;
	ret->at[0] = value;
	(void)format_general(ret->label[0], value);
}

void ticks_linear(double low, double high, size_t max, struct ticks *ret) {
	double largest = fmax(fabs(low), fabs(high)), first, last;

	ret->n = 0;
	max = most_of(max);
	if (max == 0 || !(low <= high) || !isfinite(high - low)) {
		return;
	}
	if (high - low <= fmax(SAME * largest, TINY)) {
		ticks_single(low, ret);
		return;
	}

	struct step s = step_choose(low, high, max);
	step_multiples(&s, low, high, &first, &last);
	largest = fmax(fabs(first), fabs(last)) * step_size(&s);
	ret->n = (size_t)(last - first + 1);
	for (size_t i = 0; i < ret->n; i++) {
		/* Adding 0 makes a zero of a minus zero. */
		ret->at[i] = times_power((first + (double)i) * s.factor, s.exponent) + 0.0;
		label_make(ret->label[i], ret->at[i], largest, s.exponent);
	}
}

/* ---- logarithmic ---- */

/* Marks at each factor of every `stride`th decade. Counts them all, keeps the first `max`. */
static size_t collect_log(
	double low, double high, size_t n_factors, int stride, size_t max, struct ticks *ret) {
	size_t found = 0;

	for (int e = exponent_of(low); e <= exponent_of(high); e++) {
		for (size_t i = 0; i < n_factors && e % stride == 0; i++) {
			double at = times_power(round_factors[i], e);
			if (at < low * (1 - SLACK) || at > high * (1 + SLACK)) {
				continue;
			}
			if (found < max) {
				ret->at[found] = at;
				label_make(ret->label[found], at, at, e);
			}
			found++;
		}
	}
	ret->n = found < max ? found : max;
	return found;
}

void ticks_log(double low, double high, size_t max, struct ticks *ret) {
	ret->n = 0;
	max = most_of(max);
	if (max == 0 || !(low >= TINY) || !(low <= high) || !isfinite(high)) {
		return;
	}

	size_t found = collect_log(low, high, 3, 1, max, ret);
	for (int stride = 1; found > max; stride++) {
		found = collect_log(low, high, 1, stride, max, ret);
	}
	if (ret->n < 2 && high < 10 * low) {
		ticks_linear(low, high, max, ret);
	}
}

/* ---- beyond ---- */

static double round_above(double value) {
	int exponent = exponent_of(value);

	for (size_t i = 1; i < 3; i++) {
		if (times_power(round_factors[i], exponent) > value) {
			return times_power(round_factors[i], exponent);
		}
	}
	return times_power(1, exponent + 1);
}

static double round_below(double value) {
	int exponent = exponent_of(value);

	for (size_t i = 3; i-- > 0;) {
		if (times_power(round_factors[i], exponent) < value) {
			return times_power(round_factors[i], exponent);
		}
	}
	return times_power(5, exponent - 1);
}

double ticks_beyond(double value, bool above) {
	if (value == 0 || !isfinite(value)) {
		return (double)NAN;
	}
	if (value < 0) {
		return -ticks_beyond(-value, !above);
	}
	return above ? round_above(value) : round_below(value);
}

#include "axis.h"

#include <math.h>

#define ROOM       0.05 /* of the range, at each end */
#define BEYOND     0.02 /* of the range: so far beyond its end a tick may be */
#define MINOR_MOST 1e5  /* decades of a wider axis are too close together for marks within */
#define ZERO_NEAR  0.3  /* of the highest: from so low down, 0 is shown, too */

bool axis_is_log(enum axis_choice choice, double low, double high) {
	if (choice == AXIS_LINEAR || !(low > 0)) {
		return false;
	}
	return choice == AXIS_LOG || high / low > AXIS_LOG_FROM;
}

void axis_make(double low, double high, bool log, size_t ticks_max, struct axis *ret) {
	*ret = (struct axis){.low = low, .high = high, .log = log};
	if (log) {
		ticks_log(low, high, ticks_max, &ret->ticks);
	} else {
		ticks_linear(low, high, ticks_max, &ret->ticks);
	}
}

void axis_make_to_tick(double low, double high, size_t ticks_max, struct axis *ret) {
	axis_make(low, high, false, ticks_max, ret);
	if (ret->ticks.n > 1) {
		double last = ret->ticks.at[ret->ticks.n - 1];
		double next = last + (last - ret->ticks.at[ret->ticks.n - 2]);
		if (next > high && next - high <= BEYOND * (high - low)) {
			axis_make(low, next, false, ticks_max, ret);
		}
	}
}

void axis_make_roomy(double low, double high, bool log, size_t ticks_max, struct axis *ret) {
	if (log) {
		double room = high > low ? pow(high / low, ROOM) : 1.5;
		axis_make(low / room, high * room, true, ticks_max, ret);
		return;
	}
	if (low == high) {
		double room = low != 0 ? fabs(low) / 2 : 1;
		axis_make(low - room, high + room, false, ticks_max, ret);
		return;
	}
	double room = ROOM * (high - low);
	bool from_zero = low >= 0 && low <= ZERO_NEAR * high;
	axis_make(from_zero ? 0 : low - room, high + room, false, ticks_max, ret);
}

void axis_minor(const struct axis *a, void (*each)(void *user, double at), void *user) {
	if (!a->log || a->high / a->low > MINOR_MOST) {
		return;
	}
	for (int exponent = (int)floor(log10(a->low)); exponent <= log10(a->high); exponent++) {
		for (int factor = 2; factor < 10; factor++) {
			double at = factor * pow(10, exponent);
			if (at > a->low && at < a->high) {
				each(user, at);
			}
		}
	}
}

double axis_share(const struct axis *a, double value) {
	if (a->log) {
		return value > 0 ? log(value / a->low) / log(a->high / a->low) : -INFINITY;
	}
	return a->high > a->low ? (value - a->low) / (a->high - a->low) : 0.5;
}

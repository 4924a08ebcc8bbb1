/* Floats in cmocka: equal to a relative tolerance, NaN equal to NaN. Include <cmocka.h> before. */
#pragma once

#include <math.h>
#include <stdbool.h>

static inline bool near(double a, double b, double tolerance) {
	if (isnan(a) || isnan(b)) {
		return isnan(a) && isnan(b);
	}
	return a == b || fabs(a - b) <= tolerance * fmax(fabs(a), fabs(b));
}

#define assert_near(a, b, tolerance)                                                               \
	do {                                                                                       \
		double near_a_ = (a), near_b_ = (b);                                               \
		if (!near(near_a_, near_b_, (tolerance))) {                                        \
			fail_msg("%s is %.17g, not %.17g", #a, near_a_, near_b_);                  \
		}                                                                                  \
	} while (0)

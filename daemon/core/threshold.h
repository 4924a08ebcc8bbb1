/* "On less than 0.001 of the rows", decided in integers.
 *
 * A threshold means the decimal its user wrote: the shortest one that reads back as the same double.
 * 0.1 is one tenth, not 0.1000000000000000055, so that a feature that fired on exactly one row in
 * ten is not below it. For 1e-5 and 1e-6 this is the reference's rule, count × 10^5 < rows. */
#pragma once

#include <stdint.h>

/* The smallest count that is not below `threshold` × rows; threshold is in (0, 1]. */
uint64_t threshold_limit(double threshold, uint64_t rows);

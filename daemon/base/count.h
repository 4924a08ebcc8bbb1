/* Counts as people write them: 4096, 168M, 1.3G, 5e8. Decimal units: k, M, G, T. Pure. */
#pragma once

#include <stdint.h>

#include "format.h"

/* 0, or -EINVAL when it is anything else, no whole number or does not fit in 63 bits. */
int count_read(const char *text, uint64_t *ret);

/* The least count of three significant digits that is not below this one (below 2^62), as count_read takes it: 168812544 → 169M. Returns out. */
char *count_write_above(char out[FORMAT_MAX], uint64_t count);

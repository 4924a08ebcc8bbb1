/* Lengths of time as people write them: 500ms, 15s, 10m (or 10min), 6h, 1d. Whole numbers of one unit. Pure. */
#pragma once

#include <stdint.h>

#define DURATION_TEXT_SIZE 24u
#define DURATION_MAX_MS    (400ull * 86400000) /* longer is a slip of the finger */

/* In milliseconds; -1 when it is anything else, or above DURATION_MAX_MS. */
int64_t duration_read(const char *text);
/* The same with another bound, of at most INT64_MAX / 10 - 1. */
int64_t duration_read_up_to(const char *text, uint64_t max_ms);

/* In the largest unit that needs no fraction. Returns out. */
char *duration_write(char out[DURATION_TEXT_SIZE], uint64_t ms);

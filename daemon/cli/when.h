/* A moment as people write it: how long ago (2h, 3d), a day, or a day and a minute of this place's clock; and written for them. Pure,
 * but for the place's time zone. */
#pragma once

#include <stdbool.h>

#define WHEN_EXPECTED "a time like 2h, 3d, 2026-11-23 or '2026-11-23 16:02'"

/* Seconds since 1970; false: it is none of these. */
bool when_read(const char *text, double now, double *ret);

#define WHEN_SIZE 32u
/* `2026-11-23 16:02`. Returns out. */
char *when_write(char out[WHEN_SIZE], double when);

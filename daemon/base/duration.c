#include "duration.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"min", 60000}};
#define N_UNITS (sizeof units / sizeof units[0])

int64_t duration_read(const char *text) {
	return duration_read_up_to(text, DURATION_MAX_MS);
}

int64_t duration_read_up_to(const char *text, uint64_t max_ms) {
	uint64_t number = 0;
	const char *unit = text;

	for (; *unit >= '0' && *unit <= '9'; unit++) {
		number = number * 10 + (uint64_t)(*unit - '0');
		if (number > max_ms) {
			return -1;
		}
	}
	for (size_t i = 0; unit > text && i < N_UNITS; i++) {
		if (strcmp(unit, units[i].name) == 0 && number <= max_ms / units[i].ms) {
			return (int64_t)(number * units[i].ms);
		}
	}
	return -1;
}

char *duration_write(char out[DURATION_TEXT_SIZE], uint64_t ms) {
	size_t i = 0;

	while (ms % units[i].ms != 0) {
		i++;
	}
	snprintf(out, DURATION_TEXT_SIZE, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
	return out;
}

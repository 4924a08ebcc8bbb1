#include "size.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	char letter;
	unsigned shift;
} units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}};
#define N_UNITS (sizeof units / sizeof units[0])

/* By how much what stands behind the digits shifts them; -1: it is no unit. */
static int shift_of(const char *unit) {
	if (unit[0] == '\0') {
		return 0;
	}
	for (size_t i = 0; i < N_UNITS; i++) {
		if (unit[0] == units[i].letter &&
			(unit[1] == '\0' || strcmp(unit + 1, "iB") == 0)) {
			return (int)units[i].shift;
		}
	}
	return -1;
}

int size_read(const char *text, uint64_t *ret) {
	uint64_t number = 0;
	const char *unit = text;

	for (; *unit >= '0' && *unit <= '9'; unit++) {
		if (number > INT64_MAX / 10 - 1) {
			return -EINVAL;
		}
		number = number * 10 + (uint64_t)(*unit - '0');
	}
	int shift = shift_of(unit);
	if (unit == text || shift < 0 || number > (uint64_t)INT64_MAX >> shift) {
		return -EINVAL;
	}
	*ret = number << shift;
	return 0;
}

char *size_write(char out[SIZE_TEXT_SIZE], uint64_t bytes) {
	for (size_t i = 0; i < N_UNITS; i++) {
		uint64_t unit = 1ull << units[i].shift;
		if (bytes > 0 && bytes % unit == 0) {
			snprintf(out, SIZE_TEXT_SIZE, "%" PRIu64 "%c", bytes / unit,
				units[i].letter);
			return out;
		}
	}
	snprintf(out, SIZE_TEXT_SIZE, "%" PRIu64, bytes);
	return out;
}

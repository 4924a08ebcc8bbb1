#include "when.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "duration.h"

/* Whether all of `text` is a day, or a day and a minute. */
static bool read_day(const char *text, double *ret) {
	static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"};

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, formats[i], &tm);
		if (end != NULL && *end == '\0') {
			*ret = (double)mktime(&tm);
			return true;
		}
	}
	return false;
}

bool when_read(const char *text, double now, double *ret) {
	int64_t ago_ms = duration_read(text);

	if (ago_ms < 0) {
		return read_day(text, ret);
	}
	*ret = now - (double)ago_ms / 1000;
	return true;
}

char *when_write(char out[WHEN_SIZE], double when) {
	time_t whole = (time_t)when;
	struct tm tm;

	if (localtime_r(&whole, &tm) == NULL ||
		strftime(out, WHEN_SIZE, "%Y-%m-%d %H:%M", &tm) == 0) {
		snprintf(out, WHEN_SIZE, "-");
	}
	return out;
}

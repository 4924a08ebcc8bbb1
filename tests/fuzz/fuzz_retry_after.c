/* Whatever a Retry-After holds, the wait is -1 or within an hour; blanks around it make no difference, a second later
 * it is no longer; and where it is a date with a whole year, strptime in the C locale reads the same one. */
#include "fuzz.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "retry.h"

#define HOUR_MS 3600000

/* strptime takes more than we do (one digit for a day, blanks anywhere): this is asked of what we took. */
static bool read_by_libc(const char *value, double *ret) {
	static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = {0};
		const char *end = strptime(value, forms[i], &tm);
		if (end != NULL && *end == '\0') {
			*ret = (double)timegm(&tm);
			return true;
		}
	}
	return false;
}

static void check_date(const char *value, int64_t ms, double now_s) {
	double date = 0;

	if (ms >= 0 && read_by_libc(value, &date)) {
		HOLDS((double)ms == fmin(HOUR_MS, fmax(0, ceil((date - now_s) * 1000))));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const double now_s = 784111770.25; /* near the date of RFC 9110's examples */
	char *value = malloc(size + 3);

	(void)snprintf(value, 2, " ");
	memcpy(value + 1, data, size);
	memcpy(value + 1 + size, "\t", 2);
	int64_t ms = retry_after_ms(text_of(value + 1, size), now_s);
	int64_t later_ms = retry_after_ms(text_of((const char *)data, size), now_s + 1);
	int64_t blank_ms = retry_after_ms(text_of(value, size + 2), now_s);
	HOLDS(ms >= -1 && ms <= HOUR_MS);
	HOLDS(blank_ms == ms);
	HOLDS((later_ms < 0) == (ms < 0) && later_ms <= ms);

	value[1 + size] = '\0';
	check_date(value + 1, ms, now_s);
	free(value);
	return 0;
}

#include "format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool format_not_finite(char *out, double value) {
	if (isfinite(value)) {
		return false;
	}
	snprintf(out, FORMAT_MAX, "%s", isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf");
	return true;
}

/* Decimals that leave three significant digits of a scaled value in [1, 1000). */
static int decimals_of(double scaled) {
	return scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
}

/* Three significant digits and a suffix. What rounds up to 1000 takes the next suffix. */
static void format_suffixed(char *out, double value) {
	static const char suffixes[] = " kMGTPE";
	size_t i = 0;
	double scaled = fabs(value);

	while (scaled >= 999.5 && i + 2 < sizeof(suffixes)) {
		scaled /= 1000;
		i++;
	}
	snprintf(out, FORMAT_MAX, "%s%.*f%.*s", value < 0 ? "-" : "", decimals_of(scaled), scaled,
		i > 0 ? 1 : 0, suffixes + i);
}

char *format_count(char out[FORMAT_MAX], double count, int plain_digits) {
	if (format_not_finite(out, count)) {
		return out;
	}
	if (round(fabs(count)) < pow(10, plain_digits)) {
		snprintf(out, FORMAT_MAX, "%.0f", count);
	} else if (fabs(count) >= 1e21) {
		snprintf(out, FORMAT_MAX, "%.3g", count);
	} else {
		format_suffixed(out, count);
	}
	return out;
}

char *format_grouped(char out[FORMAT_MAX], uint64_t count) {
	char digits[FORMAT_MAX];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *p = out;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) {
			*p++ = ',';
		}
		*p++ = digits[i];
	}
	*p = '\0';
	return out;
}

/* %g writes at least two digits of exponent: e-07 → e-7, e+09 → e9. */
static void shorten_exponent(char *out) {
	char *exponent = strchr(out, 'e');

	if (exponent) {
		char *tail = exponent + (exponent[1] == '-' ? 2 : 1);
		const char *digits = exponent + 2 + strspn(exponent + 2, "0");
		memmove(tail, digits, strlen(digits) + 1);
	}
}

char *format_significant(char out[FORMAT_MAX], double value) {
	double size = fabs(value);

	if (format_not_finite(out, value)) {
		return out;
	}
	if (size >= 9999.5) {
		return format_count(out, value, 4);
	}
	if (size < 1) {
		snprintf(out, FORMAT_MAX, "%.3g", value);
		shorten_exponent(out);
	} else {
		snprintf(out, FORMAT_MAX, "%.*f", decimals_of(size), value);
	}
	return out;
}

char *format_general(char out[FORMAT_MAX], double value) {
	if (format_not_finite(out, value)) {
		return out;
	}
	snprintf(out, FORMAT_MAX, "%.4g", value);
	shorten_exponent(out);
	return out;
}

char *format_general_within(char out[FORMAT_MAX], double value, unsigned width) {
	char text[FORMAT_MAX];

	format_general(text, value);
	for (int digits = 4; strlen(text) > width && digits > 0; digits--) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		shorten_exponent(text);
		if (strlen(text) > width) {
			snprintf(text, sizeof(text), "%.*e", digits - 1, value);
			shorten_exponent(text);
		}
	}
	return memcpy(out, text, sizeof(text));
}

char *format_bytes(char out[FORMAT_MAX], double bytes) {
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t i = 0;

	if (format_not_finite(out, bytes)) {
		return out;
	}
	while (fabs(bytes) >= 1023.5 && i + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, FORMAT_MAX, "%.*f %s", i > 0 && fabs(bytes) < 9.95 ? 1 : 0, bytes, units[i]);
	return out;
}

#define MINUTE 60ull
#define HOUR   3600ull
#define DAY    86400ull

/* Whole seconds, saturating: a duration nobody waits for. */
static unsigned long long whole_seconds(double seconds) {
	return seconds > 0 ? (unsigned long long)fmin(seconds, 1e15) : 0;
}

char *format_duration(char out[FORMAT_MAX], double seconds) {
	unsigned long long s = whole_seconds(seconds);

	if (format_not_finite(out, seconds)) {
		return out;
	}
	if (s < 1) {
		snprintf(out, FORMAT_MAX, "%.1fs", fmax(seconds, 0));
	} else if (s >= MINUTE && s < 10 * MINUTE) {
		snprintf(out, FORMAT_MAX, "%llum%02llus", s / MINUTE, s % MINUTE);
	} else if (s < HOUR) {
		format_age(out, seconds);
	} else if (s < DAY) {
		snprintf(out, FORMAT_MAX, "%lluh%02llum", s / HOUR, s % HOUR / MINUTE);
	} else {
		snprintf(out, FORMAT_MAX, "%llud%lluh", s / DAY, s % DAY / HOUR);
	}
	return out;
}

char *format_age(char out[FORMAT_MAX], double seconds) {
	unsigned long long s = whole_seconds(seconds);

	if (format_not_finite(out, seconds)) {
		return out;
	}
	if (s < MINUTE) {
		snprintf(out, FORMAT_MAX, "%llus", s);
	} else if (s < HOUR) {
		snprintf(out, FORMAT_MAX, "%llum", s / MINUTE);
	} else if (s < DAY) {
		snprintf(out, FORMAT_MAX, "%lluh", s / HOUR);
	} else {
		snprintf(out, FORMAT_MAX, "%llud", s / DAY);
	}
	return out;
}

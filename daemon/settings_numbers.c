/* Numbers: counts, times and sizes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "settings_private.h"
#include "size.h"

#define MS_PER_S 1000u

/* Digits, within bounds; what stands behind them in ret_rest. Returns -1 when it is anything else. */
static int64_t read_digits(const char *text, const char **ret_rest) {
	int64_t number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (*at - '0');
		if (number > UINT32_MAX) {
			return -1;
		}
	}
	*ret_rest = at;
	return at > text ? number : -1;
}

static int read_count(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	const char *rest = "";

	int64_t number = read_digits(text, &rest);
	if (number < (int64_t)key->min || number > (int64_t)key->max || *rest != '\0') {
		snprintf(expected, SETTINGS_EXPECTED_MAX, "a number from %" PRIu64 " to %" PRIu64,
			key->min, key->max);
		return -EINVAL;
	}
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

static const char *write_count(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	(void)key;
	snprintf(out, SETTINGS_VALUE_SIZE, "%" PRIu32, *(const uint32_t *)field);
	return out;
}

static int read_duration(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	char min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];

	int64_t ms = duration_read(text);
	if (ms >= (int64_t)key->min && ms <= (int64_t)key->max) {
		*(uint32_t *)field = (uint32_t)ms;
		return 0;
	}
	snprintf(expected, SETTINGS_EXPECTED_MAX, "a time from %s to %s, as 500ms, 15s or 2m",
		duration_write(min, key->min), duration_write(max, key->max));
	return -EINVAL;
}

static const char *write_duration(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	(void)key;
	return duration_write(out, *(const uint32_t *)field);
}

/* ---- what may have no bound ---- */

static bool is_unbounded(const struct settings_key *key, const char *text) {
	return key->unbounded != NULL && strcmp(key->unbounded, text) == 0;
}

/* " or forever", or nothing. */
static const char *or_unbounded(const struct settings_key *key, char out[32]) {
	snprintf(out, 32, "%s%s", key->unbounded != NULL ? ", or " : "",
		key->unbounded != NULL ? key->unbounded : "");
	return out;
}

static const char *write_number(const struct settings_key *key, uint64_t value,
	char *(*write)(char *out, uint64_t value), char out[SETTINGS_VALUE_SIZE]) {
	if (key->unbounded != NULL && value == key->unbounded_value) {
		return key->unbounded;
	}
	return write(out, value);
}

/* ---- times that may be days, in units of unit_ms ---- */

static int read_long(const struct settings_key *key, const char *text, uint64_t unit_ms,
	uint64_t *field, char expected[SETTINGS_EXPECTED_MAX]) {
	char min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE], other[32];

	if (is_unbounded(key, text)) {
		*field = key->unbounded_value;
		return 0;
	}
	int64_t ms = duration_read_up_to(text, key->max * unit_ms);
	if (ms >= (int64_t)(key->min * unit_ms) && (uint64_t)ms % unit_ms == 0) {
		*field = (uint64_t)ms / unit_ms;
		return 0;
	}
	snprintf(expected, SETTINGS_EXPECTED_MAX, "a time from %s to %s, as 12h or 90d%s",
		duration_write(min, key->min * unit_ms), duration_write(max, key->max * unit_ms),
		or_unbounded(key, other));
	return -EINVAL;
}

static int read_span(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	return read_long(key, text, 1, field, expected);
}

static int read_age(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	return read_long(key, text, MS_PER_S, field, expected);
}

static const char *write_span(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	return write_number(key, *(const uint64_t *)field, duration_write, out);
}

static char *write_seconds(char *out, uint64_t s) {
	return duration_write(out, s * MS_PER_S);
}

static const char *write_age(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	return write_number(key, *(const uint64_t *)field, write_seconds, out);
}

/* ---- sizes ---- */

static int read_size(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	char min[SIZE_TEXT_SIZE], max[SIZE_TEXT_SIZE], other[32];
	uint64_t bytes;

	if (is_unbounded(key, text)) {
		*(uint64_t *)field = key->unbounded_value;
		return 0;
	}
	if (size_read(text, &bytes) == 0 && bytes >= key->min && bytes <= key->max) {
		*(uint64_t *)field = bytes;
		return 0;
	}
	snprintf(expected, SETTINGS_EXPECTED_MAX, "a size from %s to %s, as 512M or 20G%s",
		size_write(min, key->min), size_write(max, key->max), or_unbounded(key, other));
	return -EINVAL;
}

static const char *write_size(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	return write_number(key, *(const uint64_t *)field, size_write, out);
}

/* ---- shares and numbers that may be off ---- */

#define OFF "off"

static int read_share(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	const char *rest = "";

	if (strcmp(text, OFF) == 0) {
		*(double *)field = 0;
		return 0;
	}
	int64_t percent = read_digits(text, &rest);
	if (percent < (int64_t)key->min || percent > (int64_t)key->max || strcmp(rest, "%") != 0) {
		snprintf(expected, SETTINGS_EXPECTED_MAX,
			"a share from %" PRIu64 "%% to %" PRIu64 "%%, or " OFF, key->min, key->max);
		return -EINVAL;
	}
	*(double *)field = (double)percent / 100;
	return 0;
}

static const char *write_share(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	double share = *(const double *)field;

	(void)key;
	if (share == 0) {
		return OFF;
	}
	snprintf(out, SETTINGS_VALUE_SIZE, "%.0f%%", 100 * share);
	return out;
}

static int read_number(const struct settings_key *key, const char *text, void *field,
	char expected[SETTINGS_EXPECTED_MAX]) {
	char empty = '\0', *rest = &empty;

	if (strcmp(text, OFF) == 0) {
		*(double *)field = 0;
		return 0;
	}
	bool is_number = text[0] >= '0' && text[0] <= '9' && strpbrk(text, "xXpP") == NULL;
	double number = is_number ? strtod(text, &rest) : 0;
	if (!(number > 0) || number > (double)key->max || *rest != '\0') {
		snprintf(expected, SETTINGS_EXPECTED_MAX,
			"a number above 0 and up to %" PRIu64 ", or " OFF, key->max);
		return -EINVAL;
	}
	*(double *)field = number;
	return 0;
}

static const char *write_decimal(
	const struct settings_key *key, const void *field, char out[SETTINGS_VALUE_SIZE]) {
	double number = *(const double *)field;

	(void)key;
	if (number == 0) {
		return OFF;
	}
	snprintf(out, SETTINGS_VALUE_SIZE, "%.17g", number);
	for (int digits = 1; digits < 17; digits++) {
		char shorter[32];
		snprintf(shorter, sizeof shorter, "%.*g", digits, number);
		if (strtod(shorter, NULL) == number) {
			snprintf(out, SETTINGS_VALUE_SIZE, "%s", shorter);
			break;
		}
	}
	return out;
}

const struct settings_kind settings_kind_share = {read_share, write_share, sizeof(double), false};
const struct settings_kind settings_kind_number = {
	read_number, write_decimal, sizeof(double), false};
const struct settings_kind settings_kind_count = {read_count, write_count, sizeof(uint32_t), false};
const struct settings_kind settings_kind_duration = {
	read_duration, write_duration, sizeof(uint32_t), false};
const struct settings_kind settings_kind_span = {read_span, write_span, sizeof(uint64_t), false};
const struct settings_kind settings_kind_age = {read_age, write_age, sizeof(uint64_t), false};
const struct settings_kind settings_kind_size = {read_size, write_size, sizeof(uint64_t), false};

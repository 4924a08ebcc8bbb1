#include "retry.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

/* What a server may make us wait: long enough for an outage, short enough that a mistaken date does not
 * stop a host's runs for good. */
#define WAIT_MAX_MS 3600000

/* What strptime would do in the C locale. The names are English whatever the daemon's locale is, so
 * strptime itself does not do. */
struct reader {
	const char *p, *end;
};

static const char *const weekdays[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", NULL};
static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL};

#define SHORT_NAME 3

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static bool is_blank(char c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool read_literal(struct reader *r, char c) {
	if (r->p == r->end || *r->p != c) {
		return false;
	}
	r->p++;
	return true;
}

static bool read_digits(struct reader *r, size_t n, int *ret) {
	int number = 0;

	if ((size_t)(r->end - r->p) < n) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(r->p[i])) {
			return false;
		}
		number = number * 10 + (r->p[i] - '0');
	}
	r->p += n;
	*ret = number;
	return true;
}

/* The whole name, or its first three letters. */
static bool read_name(struct reader *r, const char *const *names, bool whole, int *ret) {
	for (int i = 0; names[i] != NULL; i++) {
		size_t len = whole ? strlen(names[i]) : SHORT_NAME;
		if ((size_t)(r->end - r->p) >= len && memcmp(r->p, names[i], len) == 0) {
			r->p += len;
			*ret = i;
			return true;
		}
	}
	return false;
}

/* A year of two digits is the one of that name at most fifty years ahead (RFC 9110 §5.6.7). */
static int whole_year(int of_century, double now_s) {
	time_t now = (time_t)now_s;
	struct tm today;
	(void)gmtime_r(&now, &today);
	int this_year = today.tm_year + 1900;
	int year = this_year - this_year % 100 + of_century;

	if (year > this_year + 50) {
		return year - 100;
	}
	return year <= this_year - 50 ? year + 100 : year;
}

static bool read_field(struct reader *r, char field, double now_s, struct tm *date) {
	int number = 0;

	switch (field) {
	case 'a':
	case 'A':
		return read_name(r, weekdays, field == 'A', &number);
	case 'b':
		return read_name(r, months, false, &date->tm_mon);
	case 'd':
		return read_digits(r, 2, &date->tm_mday);
	case 'e':
		return read_literal(r, ' ') ? read_digits(r, 1, &date->tm_mday)
					    : read_digits(r, 2, &date->tm_mday);
	case 'H':
		return read_digits(r, 2, &date->tm_hour);
	case 'M':
		return read_digits(r, 2, &date->tm_min);
	case 'S':
		return read_digits(r, 2, &date->tm_sec);
	case 'y':
		if (!read_digits(r, 2, &number)) {
			return false;
		}
		date->tm_year = whole_year(number, now_s) - 1900;
		return true;
	default: /* Y */
		if (!read_digits(r, 4, &number)) {
			return false;
		}
		date->tm_year = number - 1900;
		return true;
	}
}

static bool read_form(struct text value, const char *form, double now_s, struct tm *date) {
	struct reader r = {value.data, value.data + value.len};

	for (const char *f = form; *f != '\0'; f++) {
		if (*f == '%' ? !read_field(&r, *++f, now_s, date) : !read_literal(&r, *f)) {
			return false;
		}
	}
	return r.p == r.end;
}

/* timegm makes 3 March of 31 February: such dates are none. */
static bool date_seconds(const struct tm *date, time_t *ret) {
	struct tm day = {
		.tm_mday = date->tm_mday, .tm_mon = date->tm_mon, .tm_year = date->tm_year};
	time_t midnight = timegm(&day);

	if (date->tm_mday == 0 || day.tm_mday != date->tm_mday || date->tm_hour > 23 ||
		date->tm_min > 59 || date->tm_sec > 60) {
		return false;
	}
	*ret = midnight + date->tm_hour * 3600 + date->tm_min * 60 + date->tm_sec;
	return true;
}

static bool read_date(struct text value, double now_s, time_t *ret) {
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT", /* RFC 1123, what is sent today */
		"%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
		"%a %b %e %H:%M:%S %Y",      /* asctime */
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm date = {0};
		if (read_form(value, forms[i], now_s, &date)) {
			return date_seconds(&date, ret);
		}
	}
	return false;
}

/* Digits, and behind a point more of them. */
static bool read_seconds(struct text value, int64_t *ret_ms) {
	size_t i = 0;
	int64_t ms = 0;
	for (; i < value.len && is_digit(value.data[i]); i++) {
		ms = ms * 10 + (value.data[i] - '0') * 1000;
		ms = ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
	}
	if (i == 0) {
		return false;
	}
	if (i < value.len && value.data[i] == '.') {
		size_t point = i++;
		for (int unit = 100; i < value.len && is_digit(value.data[i]); i++, unit /= 10) {
			ms += (value.data[i] - '0') * unit;
		}
		if (i == point + 1) {
			return false;
		}
	}
	*ret_ms = ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
	return i == value.len;
}

static struct text without_blanks(struct text value) {
	while (value.len > 0 && is_blank(*value.data)) {
		value.data++;
		value.len--;
	}
	while (value.len > 0 && is_blank(value.data[value.len - 1])) {
		value.len--;
	}
	return value;
}

int64_t retry_after_ms(struct text value, double now_s) {
	if (value.data == NULL) {
		return -1;
	}
	struct text trimmed = without_blanks(value);
	int64_t ms = 0;
	if (read_seconds(trimmed, &ms)) {
		return ms;
	}
	time_t date = 0;
	if (!read_date(trimmed, now_s, &date)) {
		return -1;
	}
	double left_ms = ceil(((double)date - now_s) * 1000);
	if (!(left_ms > 0)) {
		return 0;
	}
	return left_ms < WAIT_MAX_MS ? (int64_t)left_ms : WAIT_MAX_MS;
}

bool retry_read_date(struct text value, double now_s, double *ret_s) {
	time_t date = 0;

	if (value.data == NULL || !read_date(without_blanks(value), now_s, &date)) {
		return false;
	}
	*ret_s = (double)date;
	return true;
}

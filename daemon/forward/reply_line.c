#include "reply_line.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define NUMBER_TEXT_MAX 64u /* a double has 24 characters, an int64 20 */
#define STEP_LIMIT      9223372036854775808.0

struct reader {
	const char *p, *end;
};

static void skip_space(struct reader *r) {
	while (r->p < r->end && memchr(" \t\r\n", *r->p, 4) != NULL) {
		r->p++;
	}
}

static bool take(struct reader *r, char expected) {
	skip_space(r);
	if (r->p == r->end || *r->p != expected) {
		return false;
	}
	r->p++;
	return true;
}

static bool read_text(struct reader *r, struct text *ret) {
	if (!take(r, '"')) {
		return false;
	}
	const char *begin = r->p;
	while (r->p < r->end) {
		char c = *r->p++;
		if (c == '"') {
			*ret = text_of(begin, (size_t)(r->p - 1 - begin));
			return true;
		}
		if (c == '\\' && r->p < r->end) {
			r->p++;
		}
	}
	return false;
}

/* A number, or a word like true and NaN. */
static bool read_word(struct reader *r, struct text *ret) {
	const char *begin = r->p;

	while (r->p < r->end && ((*r->p >= '0' && *r->p <= '9') ||
					((*r->p | 0x20) >= 'a' && (*r->p | 0x20) <= 'z') ||
					*r->p == '-' || *r->p == '+' || *r->p == '.')) {
		r->p++;
	}
	*ret = text_of(begin, (size_t)(r->p - begin));
	return ret->len > 0;
}

/* Counts brackets; of what is between them nothing is needed. */
static bool skip_nested(struct reader *r) {
	size_t depth = 0;
	struct text ignored;

	do {
		if (take(r, '{') || take(r, '[')) {
			depth++;
		} else if (take(r, '}') || take(r, ']')) {
			depth--;
		} else if (!take(r, ',') && !take(r, ':') && !read_text(r, &ignored) &&
			   !read_word(r, &ignored)) {
			return false;
		}
	} while (depth > 0);
	return true;
}

/* `ret` is what a value is if it is a number or a word, and else empty. */
static bool read_value(struct reader *r, struct text *ret) {
	struct text ignored;

	*ret = text_of("", 0);
	skip_space(r);
	if (r->p == r->end) {
		return false;
	}
	if (*r->p == '{' || *r->p == '[') {
		return skip_nested(r);
	}
	return *r->p == '"' ? read_text(r, &ignored) : read_word(r, ret);
}

static bool is_number(struct text word) {
	for (size_t i = 0; i < word.len; i++) {
		if (memchr("0123456789+-.eE", word.data[i], 15) == NULL) {
			return false;
		}
	}
	return word.len > 0 && word.len < NUMBER_TEXT_MAX;
}

static bool read_double(struct text word, double *ret) {
	char text[NUMBER_TEXT_MAX] = "", *end;

	if (!is_number(word)) {
		return false;
	}
	memcpy(text, word.data, word.len);
	double number = strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(number)) {
		return false;
	}
	*ret = number;
	return true;
}

static bool read_whole(struct text word, int64_t *ret) {
	char text[NUMBER_TEXT_MAX] = "", *end;
	double number = 0;

	if (!read_double(word, &number)) {
		return false;
	}
	memcpy(text, word.data, word.len);
	errno = 0;
	long long whole = strtoll(text, &end, 10);
	if (*end == '\0') {
		*ret = whole;
		return errno == 0;
	}
	if (number != trunc(number) || !(fabs(number) < STEP_LIMIT)) {
		return false;
	}
	*ret = (int64_t)number;
	return true;
}

static void note_member(struct reply_line *line, struct text name, struct text value) {
	if (text_is(name, "_step")) {
		line->has_step = read_whole(value, &line->step);
	} else if (text_is(name, "_timestamp")) {
		line->has_timestamp = read_double(value, &line->timestamp);
	}
}

bool reply_line_read(struct text line, struct reply_line *ret) {
	struct reader r = {line.data, line.data + line.len};
	struct reply_line read = {0};
	struct text name, value;

	if (!take(&r, '{')) {
		return false;
	}
	if (!take(&r, '}')) {
		do {
			if (!read_text(&r, &name) || !take(&r, ':') || !read_value(&r, &value)) {
				return false;
			}
			note_member(&read, name, value);
		} while (take(&r, ','));
		if (!take(&r, '}')) {
			return false;
		}
	}
	skip_space(&r);
	if (r.p != r.end) {
		return false;
	}
	*ret = read;
	return true;
}

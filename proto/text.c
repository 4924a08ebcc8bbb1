#include "text.h"

#include <string.h>

/* The length of the well-formed UTF-8 sequence at p (no overlong forms, no surrogates, nothing above
 * U+10FFFF), or 0. */
static size_t sequence_len(const uint8_t *p, size_t left) {
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;

	if (len == 0 || len > left) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)) {
		return 0;
	}
	return len;
}

/* C0, DEL and, in two bytes, C1: a terminal obeys them all. */
static bool is_control(const uint8_t *p) {
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

const char *text_flaw(struct text text, bool is_name) {
	const uint8_t *p = (const uint8_t *)text.data;

	for (size_t i = 0, len; i < text.len; i += len) {
		len = sequence_len(p + i, text.len - i);
		if (len == 0) {
			return "is not UTF-8";
		}
		if (p[i] == '\0') {
			return "holds a NUL";
		}
		if (is_name && is_control(p + i)) {
			return "holds a control character";
		}
	}
	return NULL;
}

bool text_is(struct text text, const char *word) {
	return text_equal(text, text_of(word, strlen(word)));
}

bool text_among(struct text text, const char *const *words) {
	while (*words != NULL && !text_is(text, *words)) {
		words++;
	}
	return *words != NULL;
}

bool text_equal(struct text a, struct text b) {
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

size_t text_fit(struct text text, size_t max) {
	if (text.len <= max) {
		return text.len;
	}
	while (max > 0 && ((uint8_t)text.data[max] & 0xc0) == 0x80) {
		max--;
	}
	return max;
}

void text_mend_end(char *words) {
	size_t len = strlen(words), at = len;
	while (at > 0 && len - at < 3 && ((uint8_t)words[at - 1] & 0xc0) == 0x80) {
		at--;
	}
	uint8_t lead = at > 0 ? (uint8_t)words[at - 1] : 0;
	size_t whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (whole > 1 && len - (at - 1) < whole) {
		words[at - 1] = '\0';
	}
}

const char *text_quote(struct text text, char out[TEXT_QUOTE_SIZE]) {
	size_t len = text.len < TEXT_QUOTE_SIZE ? text.len : TEXT_QUOTE_SIZE - 1;

	for (size_t i = 0; i < len; i++) {
		out[i] = text.data[i];
		if (out[i] < ' ' || out[i] > '~') {
			out[i] = '?';
		}
	}
	out[len] = '\0';
	if (len < text.len) {
		memcpy(out + len - 3, "...", 3);
	}
	return out;
}

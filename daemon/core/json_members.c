#include "json_members.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64u /* jansson's own default is 2,048; configs nest a few levels */

struct cursor {
	const char *p, *end;
};

static void skip_space(struct cursor *c) {
	while (c->p < c->end && memchr(" \t\r\n", *c->p, 4) != NULL) {
		c->p++;
	}
}

static bool take(struct cursor *c, char expected) {
	skip_space(c);
	if (c->p == c->end || *c->p != expected) {
		return false;
	}
	c->p++;
	return true;
}

static bool is_hex(char ch) {
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
}

static bool skip_escape(struct cursor *c) {
	if (c->p == c->end) {
		return false;
	}
	char kind = *c->p++;
	if (kind != 'u') {
		return kind != '\0' && strchr("\"\\/bfnrt", kind) != NULL;
	}
	for (int i = 0; i < 4; i++, c->p++) {
		if (c->p == c->end || !is_hex(*c->p)) {
			return false;
		}
	}
	return true;
}

static bool skip_string(struct cursor *c) {
	if (!take(c, '"')) {
		return false;
	}
	while (c->p < c->end) {
		char ch = *c->p++;
		if (ch == '"') {
			return true;
		}
		if ((unsigned char)ch < 0x20 || (ch == '\\' && !skip_escape(c))) {
			return false;
		}
	}
	return false;
}

static bool skip_word(struct cursor *c, const char *word) {
	size_t len = strlen(word);
	if ((size_t)(c->end - c->p) < len || memcmp(c->p, word, len) != 0) {
		return false;
	}
	c->p += len;
	return true;
}

static size_t skip_digits(struct cursor *c) {
	const char *begin = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
		c->p++;
	}
	return (size_t)(c->p - begin);
}

static bool skip_number(struct cursor *c) {
	if (c->p < c->end && *c->p == '-') {
		c->p++;
	}
	bool zero = c->p < c->end && *c->p == '0';
	size_t n = skip_digits(c);
	if (n == 0 || (zero && n > 1)) {
		return false;
	}
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (skip_digits(c) == 0) {
			return false;
		}
	}
	if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-')) {
			c->p++;
		}
		return skip_digits(c) > 0;
	}
	return true;
}

static bool skip_scalar(struct cursor *c) {
	skip_space(c);
	if (c->p == c->end) {
		return false;
	}
	switch (*c->p) {
	case '"':
		return skip_string(c);
	case 't':
		return skip_word(c, "true");
	case 'f':
		return skip_word(c, "false");
	case 'n':
		return skip_word(c, "null");
	default:
		return skip_number(c);
	}
}

/* One value of any kind, without recursion: `closers` is the stack of brackets still open. */
static bool skip_value(struct cursor *c) {
	char closers[DEPTH_MAX];
	size_t depth = 0;

	for (;;) {
		bool opened = false;
		if (take(c, '{')) {
			opened = true;
			if (depth == DEPTH_MAX) {
				return false;
			}
			closers[depth++] = '}';
		} else if (take(c, '[')) {
			opened = true;
			if (depth == DEPTH_MAX) {
				return false;
			}
			closers[depth++] = ']';
		} else if (!skip_scalar(c)) {
			return false;
		}
		/* Close what ends here; behind a comma comes the next member. */
		while (depth > 0 && take(c, closers[depth - 1])) {
			depth--;
			opened = false;
		}
		if (depth == 0) {
			return true;
		}
		if (!opened && !take(c, ',')) {
			return false;
		}
		if (closers[depth - 1] == '}' && (!skip_string(c) || !take(c, ':'))) {
			return false;
		}
	}
}

bool json_is_object(struct text text) {
	struct cursor c = {text.data, text.data + text.len};

	skip_space(&c);
	if (c.p == c.end || *c.p != '{' || !skip_value(&c)) {
		return false;
	}
	skip_space(&c);
	return c.p == c.end;
}

bool json_next_member(
	struct text object, size_t *at, struct text *ret_key, struct text *ret_value) {
	struct cursor c = {object.data + *at, object.data + object.len};

	if (*at == 0 ? !take(&c, '{') : !take(&c, ',')) {
		return false;
	}
	skip_space(&c);
	const char *key = c.p + 1;
	if (!skip_string(&c)) {
		return false; /* {} */
	}
	size_t key_len = (size_t)(c.p - 1 - key);
	(void)take(&c, ':');
	skip_space(&c);
	const char *value = c.p;
	(void)skip_value(&c);

	*ret_key = text_of(key, key_len);
	*ret_value = text_of(value, (size_t)(c.p - value));
	*at = (size_t)(c.p - object.data);
	return true;
}

static uint32_t hex4(const char *p) {
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		char ch = p[i];
		uint32_t digit =
			ch <= '9' ? (uint32_t)(ch - '0') : (uint32_t)((ch | 0x20) - 'a' + 10);
		value = value * 16 + digit;
	}
	return value;
}

static char *write_utf8(char *out, uint32_t code) {
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | (code >> 6));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | (code >> 12));
		*out++ = (char)(0x80 | ((code >> 6) & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*out++ = (char)(0xf0 | (code >> 18));
		*out++ = (char)(0x80 | ((code >> 12) & 0x3f));
		*out++ = (char)(0x80 | ((code >> 6) & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	}
	return out;
}

/* *p is behind "\u". */
static uint32_t unescape_code(const char **p, const char *end) {
	uint32_t code = hex4(*p);
	*p += 4;
	if (code == 0 || (code >= 0xdc00 && code <= 0xdfff)) {
		return 0xfffd;
	}
	if (code < 0xd800 || code > 0xdbff) {
		return code;
	}
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') {
		return 0xfffd;
	}
	uint32_t low = hex4(*p + 2);
	if (low < 0xdc00 || low > 0xdfff) {
		return 0xfffd;
	}
	*p += 6;
	return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

char *json_unescape(struct text key) {
	/* No escape is shorter than what it stands for. */
	char *out = malloc(key.len + 1);
	if (out == NULL) {
		return NULL;
	}
	char *w = out;
	for (const char *p = key.data, *end = key.data + key.len; p < end;) {
		if (*p != '\\') {
			*w++ = *p++;
			continue;
		}
		char kind = p[1];
		p += 2;
		static const char plain[] = "bfnrt", meant[] = "\b\f\n\r\t";
		const char *found = strchr(plain, kind);
		if (kind == 'u') {
			w = write_utf8(w, unescape_code(&p, end));
		} else {
			if (found != NULL) {
				kind = meant[found - plain];
			}
			*w++ = kind;
		}
	}
	*w = '\0';
	return out;
}

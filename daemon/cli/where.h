/* What `--where KEY=VALUE` asks of a run's config: a key, how its value is to stand to another, and that. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum where_relation {
	WHERE_EQUAL = 0,
	WHERE_NOT_EQUAL,
	WHERE_LESS,
	WHERE_AT_MOST,
	WHERE_MORE,
	WHERE_AT_LEAST
};

/* For a usage error. */
#define WHERE_EXPECTED "KEY=VALUE (or != < <= > >=)"

struct where {
	const char *key; /* not terminated; may lead into what is nested, with dots */
	size_t key_len;
	enum where_relation relation;
	const char *value;
};

/* Borrows the text. False: it is none. */
bool where_read(struct where *ret, const char *text);

/* Whether a config has the key; and whether its value there is as asked for: a number is compared as one, a text letter by letter
 * or as a pattern. */
bool where_has_key(const struct where *w, const json_t *config);
bool where_fits(const struct where *w, const json_t *config);

/* Letter by letter, or as a pattern. */
bool where_matches(const char *pattern, const char *text);

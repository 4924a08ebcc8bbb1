#include "where.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "json_write.h"

/* Longest first: `<=` begins with `<`. */
static const struct {
	const char *sign;
	enum where_relation relation;
} relations[] = {
	{"!=", WHERE_NOT_EQUAL},
	{"<=", WHERE_AT_MOST},
	{">=", WHERE_AT_LEAST},
	{"==", WHERE_EQUAL},
	{"=", WHERE_EQUAL},
	{"<", WHERE_LESS},
	{">", WHERE_MORE},
};
#define N_RELATIONS (sizeof relations / sizeof relations[0])

bool where_read(struct where *ret, const char *text) {
	size_t len = strcspn(text, "!=<>");

	for (size_t i = 0; i < N_RELATIONS && len > 0; i++) {
		const char *sign = relations[i].sign;
		if (strncmp(text + len, sign, strlen(sign)) == 0) {
			*ret = (struct where){
				text, len, relations[i].relation, text + len + strlen(sign)};
			return true;
		}
	}
	return false;
}

bool where_matches(const char *pattern, const char *text) {
	return strcmp(pattern, text) == 0 || fnmatch(pattern, text, 0) == 0;
}

/* A number all of it; "4e-4" is 0.0004. */
static bool read_number(const char *text, double *ret) {
	char *end;

	*ret = strtod(text, &end);
	return end != text && *end == '\0';
}

static bool holds(enum where_relation relation, int order) {
	switch (relation) {
	case WHERE_EQUAL:
		return order == 0;
	case WHERE_NOT_EQUAL:
		return order != 0;
	case WHERE_LESS:
		return order < 0;
	case WHERE_AT_MOST:
		return order <= 0;
	case WHERE_MORE:
		return order > 0;
	default:
		return order >= 0;
	}
}

static bool number_fits(const struct where *w, double number) {
	double wanted;

	if (!read_number(w->value, &wanted) || isnan(number) || isnan(wanted)) {
		return w->relation == WHERE_NOT_EQUAL;
	}
	return holds(w->relation, number < wanted ? -1 : number > wanted);
}

static bool text_fits(const struct where *w, const char *text) {
	switch (w->relation) {
	case WHERE_EQUAL:
		return where_matches(w->value, text);
	case WHERE_NOT_EQUAL:
		return !where_matches(w->value, text);
	default:
		return holds(w->relation, strcmp(text, w->value));
	}
}

/* As JSON has it, or as Python prints it. */
static bool word_fits(const struct where *w, const char *json, const char *python) {
	bool is_it = strcmp(w->value, json) == 0 || strcmp(w->value, python) == 0;

	return (w->relation == WHERE_EQUAL && is_it) || (w->relation == WHERE_NOT_EQUAL && !is_it);
}

/* A list or an object is what its JSON says. */
static bool json_fits(const struct where *w, const json_t *value) {
	struct buf json = {0};
	const char *text = json_write(&json, value, JSON_ONE_LINE) == 0 ? buf_text(&json) : NULL;
	bool fits = text != NULL && text_fits(w, text);

	buf_finish(&json);
	return fits;
}

static bool value_fits(const struct where *w, const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_INTEGER:
	case JSON_REAL:
		return number_fits(w, json_number_value(value));
	case JSON_STRING:
		return text_fits(w, json_string_value(value));
	case JSON_TRUE:
		return word_fits(w, "true", "True");
	case JSON_FALSE:
		return word_fits(w, "false", "False");
	case JSON_NULL:
		return word_fits(w, "null", "None");
	default:
		return json_fits(w, value);
	}
}

bool where_has_key(const struct where *w, const json_t *config) {
	return document_member(config, w->key, w->key_len) != NULL;
}

bool where_fits(const struct where *w, const json_t *config) {
	const json_t *value = document_member(config, w->key, w->key_len);

	return value != NULL && value_fits(w, value);
}
